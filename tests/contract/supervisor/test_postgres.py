"""PostgreSQL as we start it: not as root, scram, private, safe on disk."""

import os
import stat
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import psutil
import pytest

pytestmark = pytest.mark.engines


async def test_it_serves_with_checksums_scram_and_a_durable_disk(postgres):
    connection = await asyncpg.connect(postgres)
    try:
        names = ("data_checksums", "password_encryption", "fsync", "synchronous_commit", "listen_addresses")
        found = [await connection.fetchval("select current_setting($1)", name) for name in names]
        assert found == ["on", "scram-sha-256", "on", "on", "127.0.0.1"]
        assert (await connection.fetchval("show server_version")).startswith("18.")
        secret = await connection.fetchval("select rolpassword from pg_authid where rolname = 'postgres'")
        assert secret.startswith("SCRAM-SHA-256$")
    finally:
        await connection.close()


async def test_a_wrong_password_is_refused(postgres):
    to = urlsplit(postgres)
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(
            host=to.hostname, port=to.port, user="postgres", password="guess", database="postgres"
        )


async def test_the_local_socket_asks_for_the_password_too(postgres, engine_room):
    home = engine_room.directory / "postgres"
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(host=str(home), port=urlsplit(postgres).port, user="postgres", password="guess")


def test_it_never_runs_as_root_and_its_directory_is_private(postgres, engine_room):
    home = engine_room.directory / "postgres"
    postmaster = psutil.Process(int((home / "data" / "postmaster.pid").read_text().split()[0]))
    assert postmaster.uids().real != 0
    for private in (home, home / "data"):
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
        assert private.stat().st_uid == postmaster.uids().real


def test_no_password_is_left_on_disk_or_on_the_command_line(postgres, engine_room):
    home, password = engine_room.directory / "postgres", urlsplit(postgres).password
    assert not list(home.glob("password*"))
    pid = int((home / "data" / "postmaster.pid").read_text().split()[0])
    assert password not in Path(f"/proc/{pid}/cmdline").read_text()
    assert password not in Path(f"/proc/{pid}/environ").read_text() if os.geteuid() == 0 else True
