-- Vendors' tokens, sealed: each tenant's data keys wrapped by a key that is not in this database.

create table record.data_key (
    tenant_id text not null references record.tenant,
    no int not null check (no > 0),
    kek_id text not null,
    nonce bytea not null,
    wrapped bytea not null,
    made_at timestamptz not null,
    primary key (tenant_id, no)
);

create table record.credential (
    site_no int not null,
    make text not null,
    tenant_id text not null,
    key_no int not null,
    nonce bytea not null,
    sealed bytea not null,
    version int not null default 1,
    changed_at timestamptz not null,
    primary key (site_no, make),
    foreign key (site_no, tenant_id) references record.site (no, tenant_id),
    foreign key (tenant_id, key_no) references record.data_key (tenant_id, no)
);
create index credential_key on record.credential (tenant_id, key_no);
