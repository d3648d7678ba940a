-- Who did what: a chain of hashes per tenant, written through one function.

create table record.audit (
    tenant_id text not null references record.tenant,
    no bigint not null,
    at timestamptz not null,
    actor text not null,
    action text not null,
    subject text not null,
    detail jsonb not null,
    prev bytea not null,
    hash bytea not null,
    primary key (tenant_id, no)
);

create table record.audit_head (
    tenant_id text primary key references record.tenant,
    n bigint not null,
    hash bytea not null
);

create function record.genesis() returns bytea
language sql immutable as $$ select decode(repeat('00', 32), 'hex') $$;

create function record.micros(at timestamptz) returns bigint
language sql immutable as $$ select (extract(epoch from at) * 1000000)::bigint $$;

create function record.audit_hash(entry record.audit) returns bytea
language sql immutable as $$
    select sha256(entry.prev || convert_to(jsonb_build_array(
        entry.tenant_id, entry.no, record.micros(entry.at), entry.actor, entry.action, entry.subject, entry.detail
    )::text, 'UTF8'))
$$;

create function record.audit_append(
    p_tenant text, p_at timestamptz, p_actor text, p_action text, p_subject text, p_detail jsonb
) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    head record.audit_head;
    entry record.audit;
begin
    insert into record.audit_head values (p_tenant, 0, record.genesis()) on conflict do nothing;
    select * into strict head from record.audit_head h where h.tenant_id = p_tenant for update;
    entry := row(p_tenant, head.n + 1, p_at, p_actor, p_action, p_subject, p_detail, head.hash, null);
    entry.hash := record.audit_hash(entry);
    insert into record.audit select entry.*;
    update record.audit_head set n = entry.no, hash = entry.hash where tenant_id = p_tenant;
    return entry.no;
end $$;

-- The number of the first entry that is not as it was written (one past the last if the end is missing), or null.
create function record.audit_verify(p_tenant text) returns bigint
language sql stable set search_path = pg_catalog, pg_temp as $$
    with chain as (
        select a as entry, row_number() over (order by a.no) as place,
               lag(a.hash, 1, record.genesis()) over (order by a.no) as before
        from record.audit a where a.tenant_id = p_tenant
    ), tail as (
        select count(*) as n, (array_agg((c.entry).hash order by c.place desc))[1] as hash from chain c
    )
    select min(place) from (
        select c.place from chain c
        where (c.entry).no is distinct from c.place or (c.entry).prev is distinct from c.before
           or (c.entry).hash is distinct from record.audit_hash(c.entry)
        union all
        select t.n + 1 from tail t
        left join (select * from record.audit_head a where a.tenant_id = p_tenant) h on true
        where (coalesce(h.n, 0), coalesce(h.hash, record.genesis()))
              is distinct from (t.n, coalesce(t.hash, record.genesis()))
    ) broken
$$;
