-- What each device is, how far it came into service, what is wrong at its site, and how people look at the list.

create domain record.stage as text check (value in (
    'discovered', 'read_only', 'identified', 'capable', 'timed', 'balanced', 'tested', 'defaulted', 'live'
));

-- A device that was enrolled without these speaks Manta's own contract, and takes part since it was enrolled.
alter table record.device
    add column serial text not null default '',
    add column firmware text not null default '',
    add column capability jsonb,
    add column stage record.stage not null default 'live',
    alter column make set default 'manta-contract';
alter table record.device no force row level security;
update record.device set make = 'manta-contract' where make = '';
alter table record.device force row level security;
create index device_stage on record.device (tenant_id, stage, no);
create index device_site on record.device (site_no);

create table record.commissioning (
    device_no int not null,
    no int not null,
    tenant_id text not null,
    stage record.stage not null,
    fault text,
    reached record.stage not null,
    at timestamptz not null,
    actor text not null,
    evidence jsonb not null,
    primary key (device_no, no),
    foreign key (device_no, tenant_id) references record.device (no, tenant_id)
);

create table record.finding (
    id bigint generated always as identity primary key,
    tenant_id text not null,
    site_no int not null,
    kind text not null,
    part text not null,
    first_seen_at timestamptz not null,
    last_seen_at timestamptz not null check (last_seen_at >= first_seen_at),
    closed_at timestamptz,
    evidence jsonb not null,
    daily_micro_aud bigint not null,
    remedy text not null,
    foreign key (site_no, tenant_id) references record.site (no, tenant_id)
);
create unique index finding_open on record.finding (site_no, kind, part) where closed_at is null;
create index finding_tenant on record.finding (tenant_id, site_no);

create table record.saved_view (
    id uuid primary key,
    tenant_id text not null,
    user_id uuid not null,
    name text not null check (length(name) between 1 and 120),
    query jsonb not null,
    changed_at timestamptz not null,
    unique (tenant_id, user_id, name),
    foreign key (user_id, tenant_id) references record.app_user (id, tenant_id)
);
