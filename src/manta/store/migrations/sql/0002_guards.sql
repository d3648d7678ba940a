-- Who may do what with devices and credentials.

create trigger append_only before update or delete or truncate on record.commissioning
    for each statement execute function record.append_only();

do $$
declare
    owned regclass;
begin
    foreach owned in array array[
        'record.commissioning', 'record.finding', 'record.saved_view', 'record.data_key', 'record.credential'
    ]::regclass[] loop
        execute format('alter table %s enable row level security', owned);
        execute format('alter table %s force row level security', owned);
        execute format('create policy of_tenant on %s
            using (tenant_id = current_setting(''manta.tenant'', true))', owned);
    end loop;
end $$;

grant update (make, model, serial, firmware, capability, stage) on record.device to manta_api;
grant select, insert on record.commissioning to manta_api;
grant select, insert, update, delete on record.saved_view to manta_api;
grant select on record.finding to manta_api;
grant select, insert, update on record.finding to manta_engine;

-- The api seals and never opens: it is not shown what is sealed. Only the gateway, where the drivers are, reads it.
grant select, insert on record.data_key to manta_api;
grant insert, update (key_no, nonce, sealed, version, changed_at), delete on record.credential to manta_api;
grant select (site_no, make, tenant_id, version, changed_at) on record.credential to manta_api;
grant select on record.data_key, record.credential to manta_gateway;
