"""Tokens open for who they belong to and for nobody else, also while every key is being turned."""

import asyncio
import json
import pickle
import traceback

import asyncpg
import pytest
from tests.contract.store.houses import HARBOUR, MALLEE, NOW

from manta.domain.identity import SiteId
from manta.store.audit import Audit
from manta.store.keys import KeyFileError, KeyRing, add_key, drop_key, read_keys
from manta.store.vault import Secret, Vault, VaultError

pytestmark = pytest.mark.engines

H1, H2, M1 = SiteId("h-1"), SiteId("h-2"), SiteId("m-1")
TOKEN = "eyJhbGciOi-a-refresh-token"


@pytest.fixture
def keys(tmp_path):
    path = tmp_path / "vault.keys"
    add_key(path)
    return path


@pytest.fixture
def vaults(record, keys):
    """One for sealing, one for opening, one for turning keys, each with a ring of its own."""
    return tuple(Vault(record.of(role), KeyRing(keys)) for role in ("api", "gateway", "owner"))


async def put(vault, site=H1, text=TOKEN, tenant=HARBOUR, make="tesla"):
    await vault.seal(tenant, site, make, Secret(text), "ada", NOW)


async def test_what_was_sealed_opens_again_and_a_later_one_takes_its_place(vaults):
    api, gateway, _ = vaults
    assert await gateway.open(HARBOUR, H1, "tesla") is None
    await put(api)
    assert (await gateway.open(HARBOUR, H1, "tesla")).reveal() == TOKEN
    await put(api, text="newer")
    assert (await gateway.open(HARBOUR, H1, "tesla")).reveal() == "newer"
    assert [(kept.site, kept.make, kept.version) for kept in await api.kept(HARBOUR)] == [(H1, "tesla", 2)]


async def test_the_database_never_sees_a_token_and_the_audit_tells_who_changed_one(record, vaults):
    api, gateway, _ = vaults
    await put(api)
    for table in ("credential", "data_key", "audit"):
        rows = await record.superuser.fetch(f"select t::text as row from record.{table} t")
        assert rows
        for row in rows:
            assert TOKEN not in row["row"]
            assert TOKEN.encode().hex() not in row["row"]
    deed = (await Audit(record.api).recent(HARBOUR, 1))[0].deed
    assert (deed.actor, deed.action, deed.subject) == ("ada", "credential.changed", "h-1/tesla")


async def test_the_api_cannot_read_what_it_sealed(record, vaults):
    api, _, _ = vaults
    await put(api)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await api.open(HARBOUR, H1, "tesla")


@pytest.mark.parametrize("role", ["engine", "governor", "settler"])
async def test_other_services_see_neither_seals_nor_keys(record, role):
    for table in ("credential", "data_key"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await record.of(role).fetch(f"select 1 from record.{table}")


async def test_another_tenant_gets_nothing(vaults):
    api, gateway, _ = vaults
    await put(api)
    assert await gateway.open(MALLEE, H1, "tesla") is None
    with pytest.raises(LookupError):
        await api.seal(MALLEE, H1, "tesla", Secret("mine now"), "eve", NOW)


MOVES = {
    "to another site": "update record.credential set site_no = 1 where site_no = 0",
    "to another make": "update record.credential set make = 'enphase' where site_no = 0",
}


@pytest.mark.parametrize("move", MOVES)
async def test_a_row_that_is_moved_does_not_open(record, vaults, move):
    api, gateway, _ = vaults
    await put(api)
    await record.superuser.execute(MOVES[move])
    site, make = (H2, "tesla") if "site" in move else (H1, "enphase")
    with pytest.raises(VaultError, match="not what was sealed"):
        await gateway.open(HARBOUR, site, make)


async def test_two_rows_that_are_swapped_do_not_open(record, vaults):
    api, gateway, _ = vaults
    await put(api, H1, "first")
    await put(api, H2, "second")
    await record.superuser.execute(
        "update record.credential c set nonce = o.nonce, sealed = o.sealed "
        "from record.credential o where o.site_no = 1 - c.site_no"
    )
    for site in (H1, H2):
        with pytest.raises(VaultError):
            await gateway.open(HARBOUR, site, "tesla")


async def test_one_tenants_data_key_does_not_serve_another(record, vaults):
    api, gateway, _ = vaults
    await put(api)
    await put(api, M1, "theirs", tenant=MALLEE)
    await record.superuser.execute(
        "update record.data_key k set nonce = o.nonce, wrapped = o.wrapped, kek_id = o.kek_id "
        "from record.data_key o where o.tenant_id <> k.tenant_id"
    )
    for tenant, site in ((HARBOUR, H1), (MALLEE, M1)):
        with pytest.raises(VaultError, match="not what was wrapped"):
            await gateway.open(tenant, site, "tesla")


@pytest.mark.parametrize("column", ["nonce", "sealed"])
async def test_a_single_bit_that_is_changed_is_noticed_and_the_error_tells_no_secret(record, vaults, column):
    api, gateway, _ = vaults
    await put(api)
    await record.superuser.execute(
        f"update record.credential set {column} = set_bit({column}, 3, 1 - get_bit({column}, 3))"
    )
    with pytest.raises(VaultError) as caught:
        await gateway.open(HARBOUR, H1, "tesla")
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


def test_a_secret_is_shown_by_nothing_but_its_name(keys):
    secret = Secret(TOKEN)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret:>30}", repr([secret]), repr({"token": secret})]
    assert all(TOKEN not in text for text in shown)
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        json.dumps(secret)
    held = json.loads(keys.read_text())["keys"]
    ring = repr(KeyRing(keys)) + repr(read_keys(keys))
    assert all(key not in ring for key in held.values())


def test_a_file_of_keys_that_others_can_read_or_that_is_none_is_refused(keys):
    keys.chmod(0o640)
    with pytest.raises(PermissionError, match="chmod 600"):
        KeyRing(keys)
    keys.chmod(0o600)
    for text in ("", "{}", '{"current": "a", "keys": {}}', '{"current": "a", "keys": {"a": "c2hvcnQ="}}'):
        keys.write_text(text)
        with pytest.raises(KeyFileError) as caught:
            KeyRing(keys)
        assert "c2hvcnQ" not in str(caught.value)


async def test_the_current_key_is_not_dropped_and_an_old_one_only_opens_what_it_wrapped(vaults, keys):
    api, gateway, owner = vaults
    await put(api)
    (old,) = await owner.wrapped_with(HARBOUR)
    with pytest.raises(KeyFileError, match="current"):
        drop_key(keys, old)
    new = add_key(keys)
    assert (await gateway.open(HARBOUR, H1, "tesla")).reveal() == TOKEN
    assert await owner.rewrap(HARBOUR) == 1
    assert await owner.rewrap(HARBOUR) == 0
    assert await owner.wrapped_with(HARBOUR) == {new}
    drop_key(keys, old)
    assert (await gateway.open(HARBOUR, H1, "tesla")).reveal() == TOKEN
    assert (await Vault(gateway._pool, KeyRing(keys)).open(HARBOUR, H1, "tesla")).reveal() == TOKEN


async def turn_every_key(owner, keys):
    """A round as an operator makes it: new keys, everything wrapped anew, old ones forgotten."""
    old = await owner.wrapped_with(HARBOUR)
    add_key(keys)
    await owner.renew(HARBOUR, NOW)
    while await owner.rewrap(HARBOUR):
        pass
    for id in old - await owner.wrapped_with(HARBOUR):
        drop_key(keys, id)


async def test_every_key_is_turned_under_load_without_a_failed_read_or_a_lost_write(vaults, keys):
    """Readers and a writer go on while data keys are renewed and key-encryption keys come and go."""
    api, gateway, owner = vaults
    written = {H1: ["0"], H2: ["0"]}
    for site in written:
        await put(api, site, "0")
    reads = []

    async def read(until):
        while not until.done():
            for site, texts in written.items():
                seen = (await gateway.open(HARBOUR, site, "tesla")).reveal()
                assert seen in texts[-3:], "an old secret came back"
                reads.append(seen)

    async def write():
        for number in range(1, 31):
            written[H1].append(str(number))
            await put(api, H1, str(number))

    async def turn():
        for _ in range(5):
            await turn_every_key(owner, keys)

    work = asyncio.gather(write(), turn())
    await asyncio.gather(work, read(work), read(work))
    assert (await gateway.open(HARBOUR, H1, "tesla")).reveal() == "30"
    assert (await gateway.open(HARBOUR, H2, "tesla")).reveal() == "0"
    assert await owner.wrapped_with(HARBOUR) == {read_keys(keys).current}
    print(f"\nkeys turned 5 times under load: {len(reads)} reads, 30 writes, none failed")
