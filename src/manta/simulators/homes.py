"""Homes with PV, battery, load and meter: their physics, in columns, one row a home.

There is no clock and no wire in here: the caller says how late it is, so that a fleet of real sessions, a
replay and a property test all run the same homes. Power is in kW, positive toward the grid.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manta.simulators import weather
from manta.simulators.firmware import Firmware
from manta.simulators.state import NAMES, Column, State
from manta.wire.columns import READING
from manta.wire.device import DeviceReading, LeaseAck, SiteReport

ONE_WAY = sqrt(0.89)
"""A round trip returns 89 %, lost half on the way in and half on the way out."""
LONGEST_STEP_S = 10.0
NEW_EVENING_S = 3_600.0
"""Homes left alone for longer are met again on another evening."""


@dataclass(frozen=True, slots=True)
class HomeColumns:
    """Which homes there are, as enrolled."""

    sites: Sequence[str]
    batteries: Sequence[str]
    pvs: Sequence[str]
    loads: Sequence[str]
    meters: Sequence[str]
    keys: Sequence[bytes]
    """Each battery's sealing key."""
    region: NDArray[np.int8]
    """Place in domain.market.REGIONS."""
    charge_kw: Column
    discharge_kw: Column
    capacity_kwh: Column
    reserve_soc: Column
    pv_kw: Column
    import_limit_kw: Column
    export_limit_kw: Column


class Homes:
    """Every home of the simulated fleet."""

    def __init__(self, enrolled: HomeColumns, seed: int) -> None:
        count = len(enrolled.sites)
        self.enrolled = enrolled
        self.block = np.zeros((len(NAMES), count))
        """The whole memory of the homes; keep it and give it back to ``resume``."""
        self.state = State(self.block)
        self.firmware = Firmware(
            self.state, enrolled.batteries, enrolled.keys, enrolled.charge_kw, enrolled.discharge_kw
        )
        self._random = np.random.default_rng(seed)
        self._roofs = weather.panels(self._random, count)
        self._appetite = np.exp(self._random.normal(0.0, 0.25, count))
        self._begin_evening()

    @property
    def meter_kw(self) -> Column:
        """Power at the connection points."""
        return self.state.battery_kw + self.state.pv_kw + self.state.load_kw

    def resume(self, block: NDArray[np.float64], kept_ms: int, now_ms: int) -> None:
        """Take up kept homes where they would be by now.

        After a short while away they went on by themselves and are caught up; after a long one it is another
        evening: batteries charged again, leases forgotten. Counters, sequences and high-water marks only
        ever go on from where they were.
        """
        self.block[:] = block
        if 0 <= now_ms - kept_ms <= NEW_EVENING_S * 1_000:
            self.advance(kept_ms, now_ms)
        else:
            self._begin_evening()

    def advance(self, since_ms: int, now_ms: int) -> None:
        """Step from one instant to another, as often as it takes."""
        steps = max(1, round((now_ms - since_ms) / 1_000 / LONGEST_STEP_S))
        dt_ms = (now_ms - since_ms) / steps
        for step in range(1, steps + 1):
            self.step(since_ms + dt_ms * step, dt_ms / 1_000)

    def step(self, now_ms: float, dt_s: float) -> None:
        """Move on by a time that ends now; powers hold over the step and the counters are its integral."""
        if dt_s < 0.0:
            raise ValueError(f"time does not run backwards, by {dt_s} s")
        if dt_s == 0.0:
            return
        state = self.state
        self.firmware.begin(now_ms)
        weather.wander(state.cloud_noise, self._random, dt_s, weather.CLOUD_MEMORY_S)
        weather.wander(state.load_noise, self._random, dt_s, weather.LOAD_MEMORY_S)
        sun = weather.pv_yield(now_ms, self.enrolled.region, self._roofs)
        state.pv_kw[:] = self.enrolled.pv_kw * sun * weather.clearness(state.cloud_noise)
        state.load_kw[:] = -weather.appetite_kw(now_ms, self._appetite, state.load_noise)
        self.firmware.ask(dt_s)
        self._flow(dt_s / 3_600.0)
        self._count(dt_s / 3_600.0)

    def offer(self, leases: Iterable[tuple[int, bytes]], now_ms: int) -> list[LeaseAck]:
        """Hand sealed leases to homes by row, and return what those that could read theirs answer."""
        answers = (self.firmware.hear(home, payload, now_ms) for home, payload in leases)
        return [answer for answer in answers if answer is not None]

    def reports(self, homes: NDArray[np.intp], at_ms: int) -> list[SiteReport]:
        """Have some homes report, each with its next sequence."""
        state, who = self.state, self.enrolled
        state.report_sequence[homes] += 1
        columns = np.stack(
            [
                state.report_sequence[homes],
                state.battery_kw[homes],
                state.soc[homes],
                state.charged_kwh[homes],
                state.discharged_kwh[homes],
                state.pv_kw[homes],
                state.generated_kwh[homes],
                state.load_kw[homes],
                state.consumed_kwh[homes],
                self.meter_kw[homes],
                state.import_kwh[homes],
                state.export_kwh[homes],
            ]
        )
        return [
            SiteReport(
                int(sequence),
                at_ms,
                [
                    DeviceReading(who.batteries[home], battery_kw, soc, charged, discharged),
                    DeviceReading(who.pvs[home], pv_kw, None, 0.0, generated),
                    DeviceReading(who.loads[home], load_kw, None, consumed, 0.0),
                    DeviceReading(who.meters[home], meter_kw, None, imported, exported),
                ],
            )
            for home, (
                sequence,
                battery_kw,
                soc,
                charged,
                discharged,
                pv_kw,
                generated,
                load_kw,
                consumed,
                meter_kw,
                imported,
                exported,
            ) in zip(homes.tolist(), columns.T.tolist(), strict=True)
        ]

    def readings(self, device_no: NDArray[np.int32], sequence: int, at_ms: int) -> NDArray[Any]:
        """Return every home's readings as READING columns, for worlds without a wire.

        ``device_no`` has a row each for batteries, PVs, loads and meters.
        """
        state, none = self.state, np.zeros(len(self.enrolled.sites))
        unknown = np.full(len(self.enrolled.sites), np.nan)
        rows = np.zeros(device_no.shape, dtype=READING)
        rows["device_no"] = device_no
        rows["sequence"], rows["at_ms"], rows["heard_ms"] = sequence, at_ms, at_ms
        rows["power_kw"] = np.stack([state.battery_kw, state.pv_kw, state.load_kw, self.meter_kw])
        rows["soc"] = np.stack([state.soc, unknown, unknown, unknown])
        rows["import_kwh"] = np.stack([state.charged_kwh, none, state.consumed_kwh, state.import_kwh])
        rows["export_kwh"] = np.stack([state.discharged_kwh, state.generated_kwh, none, state.export_kwh])
        return rows.reshape(-1)

    def _begin_evening(self) -> None:
        state, count = self.state, len(self.enrolled.sites)
        state.soc[:] = self._random.uniform(0.85, 0.95, count)
        state.cloud_noise[:] = self._random.standard_normal(count)
        state.load_noise[:] = self._random.standard_normal(count)
        for column in (
            state.battery_kw,
            state.pv_kw,
            state.load_kw,
            state.held,
            state.ramping,
            state.until_ms,
        ):
            column[:] = 0.0
        state.next_from_ms[:] = np.inf

    def _flow(self, hours: float) -> None:
        """Settle battery and PV within every limit: connection, lease, rating, charge and reserve."""
        who, state = self.enrolled, self.state
        besides = state.pv_kw + state.load_kw
        leased = np.where(state.held == 1.0, state.lease_export_kw, np.inf)
        export_kw = np.minimum(who.export_limit_kw, leased)
        asked = state.asked_kw
        ceiling = np.maximum(export_kw - besides, np.minimum(asked, 0.0))
        floor = np.minimum(-who.import_limit_kw - besides, np.maximum(asked, 0.0))
        spare_kwh = np.maximum(state.soc - who.reserve_soc, 0.0) * who.capacity_kwh
        room_kwh = np.maximum(1.0 - state.soc, 0.0) * who.capacity_kwh
        most = np.minimum(who.discharge_kw, spare_kwh * ONE_WAY / hours)
        least = -np.minimum(who.charge_kw, room_kwh / ONE_WAY / hours)
        state.battery_kw[:] = np.clip(np.clip(asked, floor, ceiling), least, most)
        curtailed = np.maximum(export_kw - state.battery_kw - state.load_kw, 0.0)
        state.pv_kw[:] = np.minimum(state.pv_kw, curtailed)

    def _count(self, hours: float) -> None:
        who, state = self.enrolled, self.state
        discharged = np.maximum(state.battery_kw, 0.0) * hours
        charged = np.maximum(-state.battery_kw, 0.0) * hours
        meter_kwh = self.meter_kw * hours
        state.discharged_kwh += discharged
        state.charged_kwh += charged
        state.generated_kwh += state.pv_kw * hours
        state.consumed_kwh -= state.load_kw * hours
        state.export_kwh += np.maximum(meter_kwh, 0.0)
        state.import_kwh += np.maximum(-meter_kwh, 0.0)
        stored = charged * ONE_WAY - discharged / ONE_WAY
        state.soc[:] = np.clip(state.soc + stored / who.capacity_kwh, 0.0, 1.0)
