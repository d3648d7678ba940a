"""Which user the engines run as: ours, or an unprivileged one when we are root."""

import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

import structlog

log = structlog.get_logger()

OUR_USER = "manta"
NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine."""

    name: str
    uid: int
    gid: int


def unprivileged() -> Account | None:
    """Return the user to drop to, made if need be; None when we are not root and keep our own."""
    if os.geteuid() != 0:
        return None
    account = _find(OUR_USER) or _make(OUR_USER) or _find(NOBODY)
    if account is None:
        raise PermissionError(
            "PostgreSQL refuses to run as root, and this machine has neither a user 'manta', "
            "nor useradd to make it, nor 'nobody'; start as another user"
        )
    return account


def _find(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid) if entry.pw_uid != 0 else None


def _make(name: str) -> Account | None:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        return None
    shell = "/usr/sbin/nologin"
    subprocess.run(  # noqa: S603 - a fixed command; a failure (a race, a read-only /etc) is seen in the next line
        [
            useradd,
            "--system",
            "--user-group",
            "--no-create-home",
            "--home-dir",
            "/nonexistent",
            "--shell",
            shell,
            name,
        ],
        check=False,
        capture_output=True,
    )
    account = _find(name)
    if account:
        log.info("user made", user=name, uid=account.uid, because="the engines do not run as root")
    return account


def reachable(path: Path, account: Account | None) -> bool:
    """Tell whether a user may walk to a path: every directory on the way lets it through."""
    if account is None:
        return True
    existing = [p for p in (path.resolve(), *path.resolve().parents) if p.exists()]
    return all(_enters(p.stat(), account) for p in existing if p.is_dir())


def _enters(of: os.stat_result, account: Account) -> bool:
    if of.st_uid == account.uid:
        return bool(of.st_mode & stat.S_IXUSR)
    if of.st_gid == account.gid:
        return bool(of.st_mode & stat.S_IXGRP)
    return bool(of.st_mode & stat.S_IXOTH)


def private_directory(path: Path, account: Account | None) -> Path:
    """Make a directory that only this user (ours if None) enters; its parents are left as they are."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)
    if account:
        os.chown(path, account.uid, account.gid)
    return path


def private_file(path: Path, content: bytes, account: Account | None = None) -> Path:
    """Write a file that only this user (ours if None) reads; nobody sees it half written."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if account:
        os.chown(draft, account.uid, account.gid)
    draft.replace(path)
    return path
