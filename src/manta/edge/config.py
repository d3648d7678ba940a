"""What a box is told, in one TOML file: checked strictly, and each complaint says what to do."""

from __future__ import annotations

import ipaddress
import tomllib
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from manta.drivers.catalogue import CATALOGUE
from manta.edge.limits import BatteryLimits, SiteLimits

type Port = Annotated[int, Meta(ge=1, le=65_535)]
type Word = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
type Magnitude = Annotated[float, Meta(ge=0.0, le=10_000.0)]
type Fraction = Annotated[float, Meta(ge=0.0, le=1.0)]
KEY_BYTES = 32
OTHERS = 0o077


class ConfigError(ValueError):
    """The file is missing, or something in it makes no sense; the message says what to do."""


class UplinkTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The way to the house."""

    host: Annotated[str, Meta(min_length=1)]
    port: Port = 8883
    password_file: str
    """The site's credential, one line."""
    identity: str | None = None
    """The folder of the box's certificate and its authority; none only on loopback."""
    history_per_s: Annotated[float, Meta(gt=0.0, le=1_000.0)] = 4.0
    """Reports of history a second after an outage."""


class LimitsTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the connection permits, as magnitudes."""

    import_kw: Magnitude
    export_kw: Magnitude


class DeviceTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One device on the site's own network, and what its parts are called in the register."""

    make: str
    host: Annotated[str, Meta(min_length=1)]
    port: Port = 502
    unit: Annotated[int, Meta(ge=0, le=255)] | None = None
    battery: Word
    meter: Word | None = None
    pv: Word | None = None
    load: Word | None = None
    key_file: str
    """The battery's own sealing key, 64 hexadecimal digits."""
    charge_kw: Magnitude
    discharge_kw: Magnitude
    reserve_soc: Fraction
    """What the householder keeps."""

    @property
    def limits(self) -> BatteryLimits:
        """What its plate and its householder permit."""
        return BatteryLimits(self.charge_kw, self.discharge_kw, self.reserve_soc)


class EdgeConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that a box is told."""

    site: Word
    state: str = "state"
    """The folder of what must outlive a power cut."""
    report_s: Annotated[float, Meta(ge=1.0, le=300.0)] = 5.0
    health_port: Port = 8650
    uplink: UplinkTable
    limits: LimitsTable
    device: Annotated[list[DeviceTable], Meta(min_length=1, max_length=16)]

    @property
    def site_limits(self) -> SiteLimits:
        """What the connection permits."""
        return SiteLimits(self.limits.import_kw, self.limits.export_kw)


def read_config(path: Path) -> EdgeConfig:
    """Read and check a file; paths in it are relative to it. ConfigError names fault and remedy."""
    try:
        table = tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        raise ConfigError(f"there is no {path}: write one as docs/edge.md shows") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no TOML: {error}") from error
    try:
        config = msgspec.convert(table, EdgeConfig)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}; docs/edge.md names every key and its unit") from error
    _check(config)
    return config


def read_secret(folder: Path, name: str) -> str:
    """Return the one line of a private file; ConfigError where it is missing or others may read it."""
    path = folder / name
    if not path.is_file():
        raise ConfigError(f"there is no {path}: it is handed over when the site is enrolled")
    if path.stat().st_mode & OTHERS:
        raise ConfigError(f"{path} may be read by others: chmod 600 {path}")
    return path.read_text().strip()


def read_key(folder: Path, name: str) -> bytes:
    """Return a sealing key out of a private file."""
    text = read_secret(folder, name)
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigError(f"{folder / name} holds no key: {2 * KEY_BYTES} hexadecimal digits on one line")
    return key


def is_loopback(host: str) -> bool:
    """Tell whether what is sent to a host stays on this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _check(config: EdgeConfig) -> None:
    if config.uplink.identity is None and not is_loopback(config.uplink.host):
        raise ConfigError(
            f"uplink.host {config.uplink.host} is not this machine, so it takes mutual TLS: "
            "set uplink.identity to the folder of the box's certificate"
        )
    for device in config.device:
        make = CATALOGUE.get(device.make)
        if make is None or make.connect is None:
            local = ", ".join(sorted(name for name, made in CATALOGUE.items() if made.connect))
            raise ConfigError(f"device.make {device.make!r} is none that a box can reach: one of {local}")
    _check_names(config)


def _check_names(config: EdgeConfig) -> None:
    parts = [
        part
        for device in config.device
        for part in (device.battery, device.meter, device.pv, device.load)
        if part is not None
    ]
    if twice := sorted({part for part in parts if parts.count(part) > 1}):
        raise ConfigError(f"{', '.join(twice)} is named twice: each part has a name of its own")
    if strange := sorted(part for part in parts if not part.startswith(f"{config.site}-")):
        raise ConfigError(f"{', '.join(strange)} is not this site's: its parts are named {config.site}-…")
    if sum(device.meter is not None for device in config.device) != 1:
        raise ConfigError("one device, and only one, names the meter: the connection is limited by it")
