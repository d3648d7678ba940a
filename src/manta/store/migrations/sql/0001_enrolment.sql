-- Who takes part: tenants, their people, sites, devices, VPPs and rules.
-- Numbers (…_no) are dense from 0 over all tenants, given once and never reused: they are rows of columns.

create schema record;
create extension if not exists btree_gist;

create domain record.region as text check (value in ('NSW1', 'QLD1', 'SA1', 'TAS1', 'VIC1'));
create domain record.magnitude as double precision check (value >= 0 and value < 'infinity');
create domain record.share as double precision check (value between 0 and 1);

create table record.numbering (
    name text primary key,
    next int not null default 0
);
insert into record.numbering (name) values ('tenant'), ('vpp'), ('site'), ('device');

create table record.tenant (
    id text primary key check (id ~ '^[a-z0-9-]{1,63}$'),
    no int not null unique,
    name text not null,
    cap_kw record.magnitude not null
);

create table record.app_user (
    id uuid primary key,
    tenant_id text not null references record.tenant,
    email text not null,
    name text not null,
    password_hash text not null,
    role text not null check (role in ('viewer', 'operator', 'trader', 'admin')),
    disabled_at timestamptz,
    unique (id, tenant_id)
);
create unique index app_user_email on record.app_user (lower(email));

create table record.session (
    id_hash bytea primary key,
    tenant_id text not null,
    user_id uuid not null,
    created_at timestamptz not null,
    seen_at timestamptz not null,
    expires_at timestamptz not null,
    foreign key (user_id, tenant_id) references record.app_user (id, tenant_id)
);
create index session_expiry on record.session (expires_at);

create table record.api_token (
    id uuid primary key,
    tenant_id text not null,
    user_id uuid not null,
    name text not null,
    token_hash bytea not null unique,
    role text not null check (role in ('viewer', 'operator', 'trader', 'admin')),
    created_at timestamptz not null,
    expires_at timestamptz not null,
    revoked_at timestamptz,
    last_used_at timestamptz,
    foreign key (user_id, tenant_id) references record.app_user (id, tenant_id)
);

create table record.site (
    no int primary key,
    id text not null unique check (id ~ '^[a-z0-9-]{1,63}$'),
    tenant_id text not null references record.tenant,
    nmi text not null check (length(nmi) = 10),
    name text not null,
    region record.region not null,
    feeder text not null,
    import_limit_kw record.magnitude not null,
    export_limit_kw record.magnitude not null,
    created_at timestamptz not null,
    unique (no, tenant_id),
    unique (tenant_id, nmi)
);

create table record.device (
    no int primary key,
    id text not null unique check (id ~ '^[a-z0-9-]{1,96}$'),
    site_no int not null,
    tenant_id text not null,
    kind text not null check (kind in ('battery', 'pv', 'load', 'meter')),
    charge_kw record.magnitude not null,
    discharge_kw record.magnitude not null,
    capacity_kwh record.magnitude,
    reserve_soc record.share,
    make text not null default '',
    model text not null default '',
    unique (no, tenant_id),
    foreign key (site_no, tenant_id) references record.site (no, tenant_id)
);
create index device_tenant on record.device (tenant_id, no);

create table record.vpp (
    no int not null unique,
    id text primary key check (id ~ '^[a-z0-9-]{1,63}$'),
    tenant_id text not null references record.tenant,
    name text not null,
    region record.region not null,
    unique (id, tenant_id)
);

create table record.vpp_member (
    vpp_id text not null,
    site_no int not null,
    tenant_id text not null,
    during tstzrange not null check (not isempty(during) and not lower_inf(during)),
    primary key (site_no, during),
    foreign key (vpp_id, tenant_id) references record.vpp (id, tenant_id),
    foreign key (site_no, tenant_id) references record.site (no, tenant_id),
    constraint one_vpp_at_a_time exclude using gist (site_no with =, during with &&)
);

create function record.only_close() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if (new.vpp_id, new.site_no, new.tenant_id, lower(new.during))
            is distinct from (old.vpp_id, old.site_no, old.tenant_id, lower(old.during))
        or not upper_inf(old.during) or upper_inf(new.during)
    then
        raise exception 'a membership is opened once and closed once' using errcode = 'insufficient_privilege';
    end if;
    return new;
end $$;
create trigger only_close before update on record.vpp_member for each row execute function record.only_close();

create table record.rule (
    id uuid primary key,
    tenant_id text not null,
    vpp_id text not null,
    name text not null check (length(name) between 1 and 120),
    sell_above_per_mwh numeric(14, 5) not null check (sell_above_per_mwh <> 'NaN'),
    buy_below_per_mwh numeric(14, 5) not null check (buy_below_per_mwh <> 'NaN'),
    site_export_kw record.magnitude not null,
    reserve_soc record.share not null,
    enabled boolean not null,
    version int not null default 1,
    changed_by text not null,
    changed_at timestamptz not null,
    check (buy_below_per_mwh < sell_above_per_mwh),
    foreign key (vpp_id, tenant_id) references record.vpp (id, tenant_id)
);
create index rule_tenant on record.rule (tenant_id);
