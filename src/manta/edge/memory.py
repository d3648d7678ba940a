"""What a box must still know after its power was cut: which leases it has heard, and what it has to undo."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

NEVER = -1


class DeviceMemory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is remembered of one device."""

    epoch: int = NEVER
    sequence: int = NEVER
    """Of the highest lease ever taken."""
    is_undo_due: bool = False
    """Whether it may be doing what we told it to, so that it has to be released."""


class Memory:
    """A file that is replaced as a whole, on the disk before the call returns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.is_lost = False
        """Whether there was a file that could not be read: what was heard before is not known then."""
        self._devices = self._read()

    def of(self, device: str) -> DeviceMemory:
        """Return what is known of a device; where the file was lost, that it may be under an order."""
        return self._devices.get(device, DeviceMemory(is_undo_due=self.is_lost))

    def take(self, device: str, epoch: int, sequence: int) -> None:
        """Remember a lease, so that it is never taken again."""
        self._put(device, msgspec.structs.replace(self.of(device), epoch=epoch, sequence=sequence))

    def owe_undo(self, device: str) -> None:
        """Remember, before the device is told anything, that it has to be released."""
        if not self.of(device).is_undo_due or device not in self._devices:
            self._put(device, msgspec.structs.replace(self.of(device), is_undo_due=True))

    def undone(self, device: str) -> None:
        """Remember that the device let go."""
        self._put(device, msgspec.structs.replace(self.of(device), is_undo_due=False))

    def _put(self, device: str, known: DeviceMemory) -> None:
        self._devices[device] = known
        replace_durably(self._path, msgspec.json.encode(self._devices))

    def _read(self) -> dict[str, DeviceMemory]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, DeviceMemory])
        except FileNotFoundError:
            return {}
        except (msgspec.DecodeError, UnicodeDecodeError):
            self.is_lost = True
            return {}


def replace_durably(path: Path, body: bytes) -> None:
    """Replace a private file so that after a power cut there is the old one or the new one, whole."""
    beside = path.with_name(path.name + ".new")
    file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(file, body)
        os.fsync(file)
    finally:
        os.close(file)
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
