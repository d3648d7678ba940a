-- From a price to power: prices, intents, leases, answers, dispatches; the outbox and the audit.

create table record.price (
    region record.region not null,
    interval_end timestamptz not null,
    per_mwh numeric(14, 5) not null check (per_mwh <> 'NaN'),
    status text not null check (status in ('firm', 'not_firm', 'suspended', 'administered', 'suspect')),
    changed_at timestamptz,
    heard_at timestamptz,
    primary key (region, interval_end)
);

create table record.price_revision (
    no bigint generated always as identity primary key,
    region record.region not null,
    interval_end timestamptz not null,
    per_mwh numeric(14, 5) not null,
    status text not null,
    changed_at timestamptz,
    heard_at timestamptz
);
create index price_revision_interval on record.price_revision (region, interval_end);

create table record.intent_batch (
    id uuid primary key,
    tenant_id text not null,
    vpp_id text not null,
    region record.region not null,
    interval_end timestamptz not null,
    cycle int not null check (cycle >= 0),
    price_per_mwh numeric(14, 5) not null check (price_per_mwh <> 'NaN'),
    price_status text not null,
    because text not null,
    trace text not null,
    body bytea not null,
    sha256 bytea not null,
    created_at timestamptz not null,
    unique (id, tenant_id),
    foreign key (vpp_id, tenant_id) references record.vpp (id, tenant_id),
    constraint body_is_whole check (sha256 = sha256(body))
);
alter table record.intent_batch alter body set storage external;

create table record.writer_lease (
    name text primary key,
    holder text not null,
    epoch bigint not null,
    until timestamptz not null
);

-- Take or keep a writer lease, by the database's clock: its epoch, or null while another holds it.
create function record.take_writer_lease(p_name text, p_holder text, p_ttl interval) returns bigint
language sql security definer set search_path = pg_catalog, pg_temp as $$
    insert into record.writer_lease as w (name, holder, epoch, until)
    values (p_name, p_holder, 1, clock_timestamp() + p_ttl)
    on conflict (name) do update set
        holder = p_holder,
        until = clock_timestamp() + p_ttl,
        epoch = w.epoch + (w.holder <> p_holder or w.until <= clock_timestamp())::int
    where w.holder = p_holder or w.until <= clock_timestamp()
    returning epoch
$$;

create table record.lease_batch (
    id uuid primary key,
    intent_batch uuid not null unique,
    tenant_id text not null,
    vpp_id text not null,
    region record.region not null,
    interval_end timestamptz not null,
    epoch bigint not null,
    sequence bigint not null check (sequence > 0),
    trace text not null,
    expires_at timestamptz not null,
    body bytea not null,
    refusals bytea not null,
    sha256 bytea not null,
    signature bytea not null,
    created_at timestamptz not null,
    unique (id, tenant_id),
    unique (region, epoch, sequence),
    foreign key (intent_batch, tenant_id) references record.intent_batch (id, tenant_id),
    foreign key (vpp_id, tenant_id) references record.vpp (id, tenant_id),
    constraint lease_is_short check (expires_at <= created_at + interval '15 minutes'),
    constraint body_is_whole check (sha256 = sha256(body || refusals))
);
alter table record.lease_batch alter body set storage external;
create index lease_batch_live on record.lease_batch (tenant_id, expires_at);

-- A batch enters under the epoch that holds its region now. The share lock keeps a successor waiting until
-- this transaction has ended, so that nobody can be overtaken between the check and the commit.
create function record.fence() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform from record.writer_lease w
      where w.name = 'region/' || new.region and w.epoch = new.epoch and w.until > clock_timestamp()
      for share;
    if not found then
        raise exception 'fenced: epoch % does not hold region %', new.epoch, new.region
            using errcode = 'insufficient_privilege';
    end if;
    return new;
end $$;
create trigger fence before insert on record.lease_batch for each row execute function record.fence();

create table record.ack (
    batch uuid not null,
    device_no int not null,
    tenant_id text not null,
    outcome smallint not null check (outcome between 0 and 2),
    at timestamptz not null,
    primary key (batch, device_no)
);

create table record.dispatch (
    id uuid primary key,
    tenant_id text not null,
    vpp_id text not null,
    region record.region not null,
    interval_end timestamptz not null,
    cycle int not null check (cycle >= 0),
    price_per_mwh numeric(14, 5) not null check (price_per_mwh <> 'NaN'),
    price_status text not null,
    target_kw double precision,
    because text not null,
    rule_id uuid,
    shortfall_kw double precision not null,
    sites int not null,
    unheard int not null,
    intent_batch uuid,
    trace text not null,
    decided_at timestamptz not null,
    unique (id, tenant_id),
    foreign key (vpp_id, tenant_id) references record.vpp (id, tenant_id),
    foreign key (intent_batch, tenant_id) references record.intent_batch (id, tenant_id)
);
create index dispatch_recent on record.dispatch (tenant_id, decided_at desc);

create table record.dispatch_outcome (
    dispatch uuid primary key,
    tenant_id text not null,
    leased int not null,
    refused_by_governor int not null,
    accepted int not null,
    refused int not null,
    silent int not null,
    at timestamptz not null,
    foreign key (dispatch, tenant_id) references record.dispatch (id, tenant_id)
);

create table record.outbox (
    id bigint generated always as identity primary key,
    tenant_id text not null references record.tenant,
    subject text not null,
    body bytea not null,
    created_at timestamptz not null,
    sent_at timestamptz
);
create index outbox_unsent on record.outbox (tenant_id, id) where sent_at is null;
