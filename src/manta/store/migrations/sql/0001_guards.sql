-- Who may do what. Nothing is granted but what a role does every day; what was written once stays.

create function record.append_only() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    raise exception 'append-only: % on %.%', lower(tg_op), tg_table_schema, tg_table_name
        using errcode = 'insufficient_privilege';
end $$;

do $$
declare
    kept text;
begin
    foreach kept in array array[
        'record.price_revision', 'record.intent_batch', 'record.lease_batch', 'record.ack', 'record.dispatch',
        'record.dispatch_outcome', 'record.audit', 'ledger.txn', 'ledger.entry'
    ] loop
        execute format('create trigger append_only before update or delete or truncate on %s
            for each statement execute function record.append_only()', kept);
    end loop;
end $$;

-- Rows of a tenant exist only for who has named that tenant in this transaction; the owner is no exception.
do $$
declare
    owned regclass;
begin
    for owned in
        select a.attrelid::regclass from pg_attribute a join pg_class c on c.oid = a.attrelid
        where a.attname = 'tenant_id' and c.relkind = 'r'
          and c.relnamespace in ('record'::regnamespace, 'ledger'::regnamespace)
    loop
        execute format('alter table %s enable row level security', owned);
        execute format('alter table %s force row level security', owned);
        execute format('create policy of_tenant on %s
            using (tenant_id = current_setting(''manta.tenant'', true))', owned);
    end loop;
end $$;

alter table record.tenant enable row level security;
alter table record.tenant force row level security;
create policy of_tenant on record.tenant using (id = current_setting('manta.tenant', true));
create policy of_all_tenants on record.tenant for select
    to manta_engine, manta_governor, manta_gateway, manta_settler using (true);

-- Before sign-in the tenant is unknown: who presents a secret's hash, or an address, may find that one row.
create policy presented on record.session for select to manta_api
    using (encode(id_hash, 'hex') = current_setting('manta.presented', true));
create policy presented on record.api_token for select to manta_api
    using (encode(token_hash, 'hex') = current_setting('manta.presented', true));
create policy presented on record.app_user for select to manta_api
    using (lower(email) = current_setting('manta.presented', true));

revoke all on all functions in schema record, ledger from public;
grant usage on schema record to manta_api, manta_engine, manta_governor, manta_gateway, manta_settler;
grant usage on schema ledger to manta_api, manta_settler;

grant select on record.tenant, record.site, record.device, record.vpp, record.vpp_member
    to manta_api, manta_engine, manta_governor, manta_gateway, manta_settler;

grant select, insert, update on record.app_user, record.api_token to manta_api;
grant select, insert, update, delete on record.session, record.rule to manta_api;
grant select, insert on record.outbox to manta_api;
grant select on record.audit, record.audit_head, record.price, record.price_revision, record.intent_batch,
    record.lease_batch, record.ack, record.dispatch, record.dispatch_outcome,
    ledger.txn, ledger.entry, ledger.chain_head to manta_api;
grant execute on function record.genesis, record.micros, record.audit_hash, record.audit_append, record.audit_verify,
    ledger.is_whole, ledger.txn_hash, ledger.verify to manta_api;

grant select on record.rule to manta_engine;
grant select, insert, update on record.price to manta_engine;
grant select, insert on record.price_revision, record.intent_batch, record.dispatch, record.dispatch_outcome
    to manta_engine;
grant select, update (sent_at) on record.outbox to manta_engine;

grant select on record.intent_batch, record.writer_lease to manta_governor;
grant select, insert on record.lease_batch to manta_governor;
grant execute on function record.take_writer_lease to manta_governor;

grant select (id, tenant_id) on record.lease_batch to manta_gateway;
grant select, insert on record.ack to manta_gateway;

grant select on record.price, record.price_revision, ledger.txn, ledger.entry, ledger.chain_head to manta_settler;
grant execute on function ledger.post, ledger.verify, ledger.is_whole, ledger.txn_hash, record.genesis, record.micros
    to manta_settler;
