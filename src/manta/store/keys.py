"""Key-encryption keys, in a file outside the database: the newest wraps, the older ones still unwrap."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

KEY_BYTES = 32


class KeyFileError(ValueError):
    """The file of keys is not what it should be; says why, never what is in it."""


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """What the file holds."""

    current: str
    """The id of the key to wrap with."""
    by_id: Mapping[str, bytes]

    def __repr__(self) -> str:
        return f"Keys(current={self.current!r}, {len(self.by_id)} hidden)"


class KeyRing:
    """The keys as a process sees them; a key that it has not seen yet sends it back to the file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._keys = read_keys(path)

    def __repr__(self) -> str:
        return f"KeyRing({self._path}, {self._keys!r})"

    def newest(self) -> tuple[str, bytes]:
        """Return the key to wrap with and its id, as the file has it now."""
        self._keys = read_keys(self._path)
        return self._keys.current, self._keys.by_id[self._keys.current]

    def key(self, id: str) -> bytes:
        """Return a key by its id; KeyFileError if the file has none of that name."""
        if id not in self._keys.by_id:
            self._keys = read_keys(self._path)
        if id not in self._keys.by_id:
            raise KeyFileError(f"{self._path} has no key {id}")
        return self._keys.by_id[id]


def read_keys(path: Path) -> Keys:
    """Read the file; one that others can read, or with a key of another length, is refused."""
    if path.stat().st_mode & 0o077:
        raise PermissionError(f"{path} can be read by others: chmod 600 {path}")
    try:
        held = json.loads(path.read_text())
        by_id = {str(id): base64.b64decode(key, validate=True) for id, key in held["keys"].items()}
        current = str(held["current"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise KeyFileError(f"{path} is not a file of keys") from None
    if current not in by_id or any(len(key) != KEY_BYTES for key in by_id.values()):
        raise KeyFileError(f"{path}: its current key is missing, or a key is not {KEY_BYTES} bytes long")
    return Keys(current, by_id)


def add_key(path: Path) -> str:
    """Make a new key and the current one of it, keeping the others; return its id."""
    held = dict(read_keys(path).by_id) if path.exists() else {}
    id = f"kek-{len(held) + 1}-{secrets.token_hex(4)}"
    _write(path, Keys(id, {**held, id: secrets.token_bytes(KEY_BYTES)}))
    return id


def drop_key(path: Path, id: str) -> None:
    """Forget an old key; the current one is not dropped. Ask ``vault.wrapped_with`` first."""
    held = read_keys(path)
    if id == held.current:
        raise KeyFileError(f"{id} is the current key: add another first")
    _write(path, Keys(held.current, {name: key for name, key in held.by_id.items() if name != id}))


def _write(path: Path, keys: Keys) -> None:
    """Replace the file in one step, so that a reader sees the old one or the new one."""
    text = json.dumps(
        {
            "current": keys.current,
            "keys": {id: base64.b64encode(key).decode() for id, key in keys.by_id.items()},
        }
    )
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
