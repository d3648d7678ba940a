-- Money and energy: double entry in integers (micro-dollars beside watt-hours), added to and never changed.
-- Accounts are 'home/<site>' and 'market/<region>'; positive is money, or energy toward the grid, of that account.

create schema ledger;

create table ledger.txn (
    id uuid primary key,
    tenant_id text not null references record.tenant,
    no bigint not null,
    key text not null,
    kind text not null,
    region record.region not null,
    interval_end timestamptz not null,
    revision int not null check (revision >= 0),
    reverses uuid unique,
    price_per_mwh numeric(14, 5) not null check (price_per_mwh <> 'NaN'),
    lines int not null check (lines >= 2),
    body jsonb not null,
    posted_at timestamptz not null,
    prev bytea not null,
    hash bytea not null,
    unique (tenant_id, no),
    unique (tenant_id, key),
    unique (id, tenant_id),
    foreign key (reverses, tenant_id) references ledger.txn (id, tenant_id)
);
create index txn_interval on ledger.txn (tenant_id, interval_end, region);

create table ledger.entry (
    txn uuid not null,
    line int not null,
    tenant_id text not null,
    account text not null check (account like 'home/_%' or account like 'market/_%'),
    micro_aud bigint not null,
    watt_hours bigint not null,
    primary key (txn, line),
    unique (txn, account)
);

create table ledger.chain_head (
    tenant_id text primary key references record.tenant,
    n bigint not null,
    hash bytea not null
);

-- Whether a txn has all of its lines, and both of its columns sum to zero.
create function ledger.is_whole(t ledger.txn) returns boolean
language sql stable as $$
    select count(*) = t.lines and sum(e.micro_aud) = 0 and sum(e.watt_hours) = 0
    from ledger.entry e where e.txn = t.id and e.tenant_id = t.tenant_id
$$;

create function ledger.require_whole() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if not ledger.is_whole(new) then
        raise exception 'unbalanced: txn % is not whole', new.key using errcode = 'check_violation';
    end if;
    return null;
end $$;
create constraint trigger whole after insert on ledger.txn
    deferrable initially deferred for each row execute function ledger.require_whole();

-- All lines of a txn enter in one statement, so a line can never be added to a txn that stands.
create function ledger.require_whole_lines() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if exists (
        select from (select distinct a.txn, a.tenant_id from added a) a
        left join ledger.txn t on t.id = a.txn and t.tenant_id = a.tenant_id
        where t.id is null or not ledger.is_whole(t)
    ) then
        raise exception 'unbalanced: the lines of a txn are added together and sum to zero'
            using errcode = 'check_violation';
    end if;
    return null;
end $$;
create trigger whole after insert on ledger.entry
    referencing new table as added for each statement execute function ledger.require_whole_lines();

create function ledger.txn_hash(t ledger.txn, accounts text[], micro_aud bigint[], watt_hours bigint[]) returns bytea
language sql immutable as $$
    select sha256(t.prev || convert_to(
        jsonb_build_array(
            t.id, t.tenant_id, t.no, t.key, t.kind, t.region, record.micros(t.interval_end), t.revision,
            t.reverses, t.price_per_mwh, t.lines, t.body, record.micros(t.posted_at)
        )::text || accounts::text || micro_aud::text || watt_hours::text, 'UTF8'))
$$;

-- Put a txn at the end of its tenant's chain; id, no, lines, prev and hash are given here.
create function ledger.append(t ledger.txn, accounts text[], micro_aud bigint[], watt_hours bigint[]) returns uuid
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    head ledger.chain_head;
begin
    select * into strict head from ledger.chain_head h where h.tenant_id = t.tenant_id for update;
    t.id := uuidv7();
    t.no := head.n + 1;
    t.lines := cardinality(accounts);
    t.prev := head.hash;
    t.hash := ledger.txn_hash(t, accounts, micro_aud, watt_hours);
    insert into ledger.txn select t.*;
    insert into ledger.entry (txn, line, tenant_id, account, micro_aud, watt_hours)
        select t.id, l.line, t.tenant_id, l.account, l.micro_aud, l.watt_hours
        from unnest(accounts, micro_aud, watt_hours) with ordinality as l (account, micro_aud, watt_hours, line);
    update ledger.chain_head set n = t.no, hash = t.hash where tenant_id = t.tenant_id;
    return t.id;
end $$;

create function ledger.reverse(t ledger.txn, at timestamptz) returns uuid
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    r ledger.txn := t;
    lines record;
begin
    select array_agg(e.account order by e.line) as accounts, array_agg(-e.micro_aud order by e.line) as micro_aud,
           array_agg(-e.watt_hours order by e.line) as watt_hours
      into strict lines from ledger.entry e where e.txn = t.id;
    r.reverses := t.id;
    r.key := t.key || '/reversed';
    r.posted_at := at;
    return ledger.append(r, lines.accounts, lines.micro_aud, lines.watt_hours);
end $$;

-- Whether a txn says just this, in whatever order.
create function ledger.says(t ledger.txn, price numeric, accounts text[], micro_aud bigint[], watt_hours bigint[])
returns boolean language sql stable as $$
    select t.price_per_mwh = price and not exists (
        select from (select * from ledger.entry e where e.txn = t.id) e
        full join unnest(accounts, says.micro_aud, says.watt_hours) as l (account, micro_aud, watt_hours) using (account)
        where (e.micro_aud, e.watt_hours) is distinct from (l.micro_aud, l.watt_hours)
    )
$$;

-- Post one fact: its txn, or null if it stands so already. One that stands with other figures is reversed and
-- the new one follows as its next revision. A tenant's postings queue at its chain's head.
create function ledger.post(
    p_tenant text, p_kind text, p_region text, p_interval_end timestamptz, p_price_per_mwh numeric,
    p_accounts text[], p_micro_aud bigint[], p_watt_hours bigint[], p_body jsonb, p_posted_at timestamptz
) returns uuid
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    standing ledger.txn;
    fresh ledger.txn;
begin
    insert into ledger.chain_head values (p_tenant, 0, record.genesis()) on conflict do nothing;
    perform from ledger.chain_head h where h.tenant_id = p_tenant for update;
    select * into standing from ledger.txn t
      where t.tenant_id = p_tenant and t.kind = p_kind and t.region = p_region and t.interval_end = p_interval_end
        and t.reverses is null
      order by t.revision desc limit 1;
    if found then
        if ledger.says(standing, p_price_per_mwh::numeric(14, 5), p_accounts, p_micro_aud, p_watt_hours) then
            return null;
        end if;
        perform ledger.reverse(standing, p_posted_at);
    end if;
    fresh.tenant_id := p_tenant;
    fresh.kind := p_kind;
    fresh.region := p_region;
    fresh.interval_end := p_interval_end;
    fresh.revision := coalesce(standing.revision + 1, 0);
    fresh.key := concat_ws('/', p_kind, p_region,
        to_char(p_interval_end at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"'), fresh.revision);
    fresh.price_per_mwh := p_price_per_mwh::numeric(14, 5);
    fresh.body := p_body;
    fresh.posted_at := p_posted_at;
    return ledger.append(fresh, p_accounts, p_micro_aud, p_watt_hours);
end $$;

-- The number of the first txn that is not as it was posted (one past the last if the end is missing), or null.
create function ledger.verify(p_tenant text) returns bigint
language sql stable set search_path = pg_catalog, pg_temp as $$
    with chain as (
        select t, row_number() over (order by t.no) as place,
               lag(t.hash, 1, record.genesis()) over (order by t.no) as before
        from ledger.txn t where t.tenant_id = p_tenant
    ), tail as (
        select count(*) as n, (array_agg((c.t).hash order by c.place desc))[1] as hash from chain c
    )
    select min(place) from (
        select c.place from chain c cross join lateral (
            select array_agg(e.account order by e.line) as accounts, array_agg(e.micro_aud order by e.line) as micro_aud,
                   array_agg(e.watt_hours order by e.line) as watt_hours, min(e.line) as first, max(e.line) as last
            from ledger.entry e where e.txn = (c.t).id and e.tenant_id = p_tenant
        ) e
        where (c.t).no is distinct from c.place or (c.t).prev is distinct from c.before
           or e.first is distinct from 1 or e.last is distinct from (c.t).lines
           or not coalesce(ledger.is_whole(c.t), false)
           or (c.t).hash is distinct from ledger.txn_hash(c.t, e.accounts, e.micro_aud, e.watt_hours)
        union all
        select t.n + 1 from tail t
        left join (select * from ledger.chain_head h where h.tenant_id = p_tenant) h on true
        where (coalesce(h.n, 0), coalesce(h.hash, record.genesis()))
              is distinct from (t.n, coalesce(t.hash, record.genesis()))
    ) broken
$$;
