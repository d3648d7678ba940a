"""Huawei's FusionSolar with plants behind it, as far as we ask its northbound interface."""

from __future__ import annotations

import json
from typing import Any

from manta.simulators.vendor_clouds import Answer, Asked, Trouble, VendorCloud

_BATTERY, _METER, _INVERTER = 39, 47, 38
_OK = {"success": True, "failCode": 0, "message": None}


class FusionSolarCloud:
    """One account; it has one session at a time."""

    def __init__(self, *plants: str) -> None:
        self.forced: dict[str, dict[str, Any]] = {plant: {} for plant in plants}
        """What each plant was last told."""
        self.fails: list[int] = []
        """Fail codes with which the next calls are answered."""
        self.sessions = 0
        self.task_status = 0
        self.devices: dict[int, dict[str, Any]] = {
            _BATTERY: {"ch_discharge_power": 1500, "battery_soc": 62.5, "battery_status": 2},
            _METER: {"active_power": 1800, "grid_frequency": 50.01},
            _INVERTER: {"active_power": 2.7, "mppt_power": 4.2},
        }
        self.api = VendorCloud(self._answer)

    def end_session(self) -> None:
        """End the session as it ends by itself after half an hour."""
        self.sessions += 1

    def _answer(self, asked: Asked) -> Answer:
        if asked.path == "/thirdData/login":
            self.sessions += 1
            return Answer(200, _OK, {"XSRF-TOKEN": f"session-{self.sessions}"})
        if asked.headers.get("xsrf-token") != f"session-{self.sessions}":
            return _failed(305)
        if self.fails:
            return _failed(self.fails.pop(0))
        body = json.loads(asked.body)
        match asked.path.rpartition("/")[2]:
            case "getDevRealKpi":
                items = self.devices[body["devTypeId"]]
                told = [{"devId": id, "dataItemMap": items} for id in body["devIds"].split(",")]
                return Answer(200, _OK | {"data": told})
            case "chargeAndDischarge":
                if self.api.trouble is not Trouble.LYING:
                    self.forced[body["plantCodes"]] = body
                return Answer(200, _OK | {"data": []})
            case "chargeAndDischargeStatus":
                return Answer(200, _OK | {"data": self._statuses(body["requestID"])})
        return Answer(404, {})

    def _statuses(self, request: int) -> list[dict[str, Any]]:
        return [
            {"plantCode": plant, "status": self.task_status}
            for plant, told in self.forced.items()
            if told.get("requestID") == request
        ]


def _failed(code: int) -> Answer:
    return Answer(200, {"success": False, "failCode": code, "data": None})
