"""``manta sites import``: a list of sites from a CSV file, with a report of every row that was not taken."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import batched
from math import isfinite
from pathlib import Path
from uuid import UUID, uuid5

import asyncpg
from rich.console import Console

from manta.domain.envelope import Envelope
from manta.domain.identity import DeviceId, Nmi, SiteId, TenantId, VppId
from manta.domain.market import Region
from manta.domain.site import Device, DeviceKind, Site
from manta.drivers.catalogue import CATALOGUE
from manta.settings.clock import wall
from manta.store.enrolment import Plate
from manta.store.migrate import DATABASE
from manta.store.pool import open_pool
from manta.store.site_import import Register, SiteImport
from manta.supervisor.accounts import unprivileged
from manta.supervisor.postgres import Cluster

GROUP_ROWS = 500
"""So many rows are taken together, wholly or not at all."""
SHOWN = 20
_SITES = UUID("7c1df30e-5b0e-52d5-9d3c-2f4f5b7c9b61")
"""A site's id follows from its tenant and NMI, so that a file that is imported twice changes nothing."""

NEEDED = ("nmi", "name", "region", "feeder", "import_limit_kw", "export_limit_kw", "make")
MAY = (
    "vpp",
    "model",
    "serial",
    "charge_kw",
    "discharge_kw",
    "capacity_kwh",
    "reserve_soc",
    "pv_kw",
    "load_kw",
)
LOAD_KW = 15.0
"""A home's load where the file does not say."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A row that was not taken."""

    line: int
    cause: str
    remedy: str


class RowError(ValueError):
    """A row cannot be taken; says why and what to do."""

    def __init__(self, cause: str, remedy: str) -> None:
        super().__init__(cause)
        self.cause, self.remedy = cause, remedy


@dataclass(frozen=True, slots=True)
class Row:
    """A row that can be taken."""

    line: int
    site: Site
    vpp: VppId | None
    plates: Mapping[DeviceId, Plate]


@dataclass(slots=True)
class Report:
    """What became of a file."""

    added: int = 0
    there: int = 0
    troubles: list[Trouble] = field(default_factory=list)


async def import_sites(
    path: Path, tenant: TenantId, importer: SiteImport, at: datetime, group: int = GROUP_ROWS
) -> Report:
    """Take a file's rows group by group; what is there already is passed over, so that it can be run again.

    A group that the record refuses is reported row by row, and those after it are taken all the same.
    """
    register, report = await importer.register(tenant), Report()
    for rows in batched(_rows(path, tenant, register, report), group, strict=False):
        try:
            report.added += await importer.add(
                tenant,
                [row.site for row in rows],
                {row.site.id: row.vpp for row in rows if row.vpp},
                {id: plate for row in rows for id, plate in row.plates.items()},
                at,
            )
        except asyncpg.PostgresError as error:
            report.troubles += [
                Trouble(row.line, f"its group was refused: {error}", "correct the cause and import it again")
                for row in rows
            ]
    report.troubles.sort(key=lambda trouble: trouble.line)
    return report


def _rows(path: Path, tenant: TenantId, register: Register, report: Report) -> Iterator[Row]:
    """Yield the rows that can be taken; the others go into the report."""
    seen: dict[str, int] = {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
        if missing:
            raise ValueError(f"{path} lacks the columns {', '.join(missing)}")
        for cells in reader:
            line = reader.line_num
            try:
                row = _row(line, cells, tenant, register)
                if first := seen.get(row.site.nmi):
                    raise RowError(
                        f"NMI {row.site.nmi} stands in line {first} already", "leave one of them out"
                    )
            except RowError as error:
                report.troubles.append(Trouble(line, error.cause, error.remedy))
                continue
            seen[row.site.nmi] = line
            if row.site.nmi in register.nmis:
                report.there += 1
            else:
                yield row


def _row(line: int, cells: Mapping[str | None, str | None], tenant: TenantId, register: Register) -> Row:
    if None in cells or None in cells.values():
        raise RowError("it has more or fewer cells than the header", "look for a comma or a quote too many")
    given = {str(name): str(value).strip() for name, value in cells.items()}
    nmi, region = _nmi(given), _region(given)
    id_ = SiteId(f"s-{uuid5(_SITES, f'{tenant} {nmi}').hex[:16]}")
    connection = Envelope.from_limits(
        import_kw=_number(given, "import_limit_kw"), export_kw=_number(given, "export_limit_kw")
    )
    devices = tuple(_devices(id_, given, connection))
    site = Site(
        id_, nmi, given["name"] or str(nmi), region, given["feeder"] or "unknown", connection, devices
    )
    plate = Plate(_make(given), given.get("model", ""), given.get("serial", ""))
    return Row(line, site, _vpp(given, region, register), {device.id: plate for device in devices})


def _devices(site: SiteId, given: Mapping[str, str], connection: Envelope) -> Iterator[Device]:
    discharge_kw, capacity_kwh = _number(given, "discharge_kw", 0.0), _number(given, "capacity_kwh", 0.0)
    charge_kw, reserve_soc = _number(given, "charge_kw", discharge_kw), _number(given, "reserve_soc", 0.2)
    if reserve_soc > 1.0:
        raise RowError(f"reserve_soc is {reserve_soc:g}", "write it as a share from 0 to 1")
    if bool(discharge_kw) != bool(capacity_kwh):
        raise RowError("a battery has both discharge_kw and capacity_kwh", "fill in both, or neither")
    if discharge_kw:
        rating = Envelope.from_limits(import_kw=charge_kw, export_kw=discharge_kw)
        yield Device(DeviceId(f"{site}-battery1"), DeviceKind.BATTERY, rating, capacity_kwh, reserve_soc)
    if pv_kw := _number(given, "pv_kw", 0.0):
        yield Device(DeviceId(f"{site}-pv1"), DeviceKind.PV, Envelope(0.0, pv_kw))
    load_kw = _number(given, "load_kw", LOAD_KW)
    yield Device(DeviceId(f"{site}-load1"), DeviceKind.LOAD, Envelope(-load_kw, 0.0))
    yield Device(DeviceId(f"{site}-meter1"), DeviceKind.METER, connection)


def _nmi(given: Mapping[str, str]) -> Nmi:
    nmi = given["nmi"].upper()
    if len(nmi) == 11:
        raise RowError(f"NMI {nmi} has eleven characters", "leave its last one, the checksum, out")
    if len(nmi) != 10 or not nmi.isascii() or not nmi.isalnum():
        raise RowError(f"'{nmi}' is no NMI", "write ten letters and digits")
    return Nmi(nmi)


def _region(given: Mapping[str, str]) -> Region:
    name = given["region"].upper()
    for region in Region:
        if name in (region.value, region.value.rstrip("1")):
            return region
    raise RowError(f"'{given['region']}' is no region", f"write one of {', '.join(Region)}")


def _vpp(given: Mapping[str, str], region: Region, register: Register) -> VppId | None:
    vpp = VppId(given.get("vpp", ""))
    if not vpp:
        return None
    if vpp not in register.vpps:
        raise RowError(
            f"there is no VPP '{vpp}'", f"write one of {', '.join(sorted(register.vpps))}, or none"
        )
    if register.vpps[vpp] is not region:
        raise RowError(
            f"VPP '{vpp}' is in {register.vpps[vpp]}, the site in {region}", "choose one of its region"
        )
    return vpp


def _make(given: Mapping[str, str]) -> str:
    make = given["make"].lower()
    if make not in CATALOGUE:
        raise RowError(f"no driver speaks '{given['make']}'", f"write one of {', '.join(sorted(CATALOGUE))}")
    return make


def _number(given: Mapping[str, str], name: str, otherwise: float | None = None) -> float:
    text = given.get(name, "")
    if not text and otherwise is not None:
        return otherwise
    try:
        number = float(text)
    except ValueError:
        raise RowError(f"{name} is '{text}'", "write a number, with a point for decimals") from None
    if not isfinite(number) or number < 0.0:
        raise RowError(f"{name} is {text}", "write a magnitude: 0 or more")
    return number


def write_report(path: Path, troubles: Sequence[Trouble]) -> None:
    """Write what was not taken as CSV: line, cause, remedy."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("line", "cause", "remedy"))
        writer.writerows((each.line, each.cause, each.remedy) for each in troubles)


async def run(path: Path, tenant: TenantId, data: Path, report_to: Path | None, console: Console) -> int:
    """Import a file into the house that runs here; 1 if any row was not taken."""
    pool = await open_pool(_owner_dsn(data), size=2)
    try:
        report = await import_sites(path, tenant, SiteImport(pool), wall())
    except LookupError as error:
        raise ValueError(str(error)) from error
    finally:
        await pool.close()
    if report_to is not None:
        write_report(report_to, report.troubles)
    for trouble in report.troubles[:SHOWN]:
        console.print(
            f"line {trouble.line}: {trouble.cause}: {trouble.remedy}", highlight=False, markup=False
        )
    if len(report.troubles) > SHOWN:
        console.print(f"… and {len(report.troubles) - SHOWN:,} more; --report writes them all to a file")
    console.print(
        f"{report.added:,} sites added, {report.there:,} there already, {len(report.troubles):,} not taken"
    )
    return 1 if report.troubles else 0


def _owner_dsn(data: Path) -> str:
    """Return how to reach the record of the house that runs in a directory, as its owner."""
    password = (data / "secrets" / "database-owner.password").read_text()
    cluster = Cluster(data / "postgres", 0, password, unprivileged())
    port = int((cluster.data / "postmaster.pid").read_text().splitlines()[3])
    return Cluster(data / "postgres", port, password, None).dsn("manta_owner", password, DATABASE)
