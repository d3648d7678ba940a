"""Somebody is found by what they present, and by nothing else."""

from datetime import timedelta
from uuid import UUID

import pytest
from tests.contract.store.houses import HARBOUR, MALLEE, NOW

from manta.domain.identity import UserId
from manta.store.audit import Audit
from manta.store.tokens import Token, Tokens
from manta.store.users import NewUser, Users

pytestmark = pytest.mark.engines

ADA = NewUser(UserId(UUID(int=1)), "Ada@Harbour.example", "Ada", "$argon2id$…", "trader")
LATER = NOW + timedelta(days=7)
TOKEN = Token(UUID(int=9), "meter export", "viewer", ADA.id, "Ada", NOW, LATER, None, None)


@pytest.fixture
async def users(record):
    await Users(record.owner).add(HARBOUR, ADA)
    await Users(record.owner).add(HARBOUR, ADA)
    return Users(record.api)


async def test_an_address_is_found_whatever_its_case(users):
    claimed = await users.by_email("ada@harbour.EXAMPLE")
    assert (claimed.user.id, claimed.user.tenant, claimed.user.tenant_name) == (ADA.id, HARBOUR, "Harbour")
    assert (claimed.user.role, claimed.password_hash) == ("trader", ADA.password_hash)
    assert await users.by_email("ada@harbour") is None


async def test_a_session_opens_is_touched_and_closes(users, record):
    ada = (await users.by_email(ADA.email)).user
    await users.open_session(ada, b"hash", NOW, LATER)
    await users.touch_session(b"hash", NOW + timedelta(minutes=5))

    session = await users.session(b"hash")
    assert (session.user, session.seen_at, session.expires_at) == (ada, NOW + timedelta(minutes=5), LATER)
    assert await users.session(b"other") is None

    await users.close_session(b"hash")
    await users.close_session(b"hash")
    assert await users.session(b"hash") is None
    assert [e.deed.action for e in await Audit(record.api).recent(HARBOUR, 5)] == ["session.opened"]


async def test_ended_sessions_are_swept_when_a_new_one_opens(users, record):
    ada = (await users.by_email(ADA.email)).user
    await users.open_session(ada, b"old", NOW, LATER)
    await users.open_session(ada, b"new", LATER, LATER + timedelta(days=7))
    assert await users.session(b"old") is None


async def test_a_user_who_was_disabled_is_found_no_more(users, record):
    ada = (await users.by_email(ADA.email)).user
    await users.open_session(ada, b"hash", NOW, LATER)
    await Tokens(record.api).create(HARBOUR, TOKEN, b"token")
    await record.superuser.execute("update record.app_user set disabled_at = now()")

    assert await users.by_email(ADA.email) is None
    assert await users.session(b"hash") is None
    assert await Tokens(record.api).by_hash(b"token") is None


async def test_a_token_is_found_by_its_hash_and_revoked_once(users, record):
    tokens = Tokens(record.api)
    await tokens.create(HARBOUR, TOKEN, b"token")
    await tokens.touch(b"token", NOW)

    holder = await tokens.by_hash(b"token")
    assert (holder.token.role, holder.token.last_used_at, holder.user.email) == ("viewer", NOW, ADA.email)
    assert await tokens.by_hash(b"other") is None
    assert await tokens.revoke(MALLEE, TOKEN.id, "eve", NOW) is None
    assert (await tokens.revoke(HARBOUR, TOKEN.id, "ada", NOW)).revoked_at == NOW
    assert (await tokens.revoke(HARBOUR, TOKEN.id, "ada", LATER)).revoked_at == NOW
    assert [token.id for token in await tokens.list(HARBOUR)] == [TOKEN.id]
    assert await tokens.list(MALLEE) == []
    actions = [e.deed.action for e in await Audit(record.api).recent(HARBOUR, 5)]
    assert actions == ["token.revoked", "token.created"]


async def test_without_presenting_anything_nobody_is_found(users, record):
    ada = (await users.by_email(ADA.email)).user
    await users.open_session(ada, b"hash", NOW, LATER)
    for table in ("app_user", "session", "api_token"):
        assert await record.api.fetchval(f"select count(*) from record.{table}") == 0
