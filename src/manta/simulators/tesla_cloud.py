"""Tesla's Fleet API with energy sites behind it, as far as a virtual power plant asks it."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any
from urllib.parse import parse_qs

from manta.simulators.vendor_clouds import Answer, Asked, Trouble, VendorCloud

_SITES = "/api/1/energy_sites/"
THEIR_TARIFF: dict[str, Any] = {
    "version": 1,
    "code": "RETAILER",
    "name": "flat",
    "energy_charges": {"ALL": {"rates": {"ALL": 0.31}}},
    "seasons": {},
}


def _site() -> dict[str, dict[str, Any]]:
    return {
        "live": {
            "solar_power": 4200,
            "battery_power": -1500,
            "load_power": 900,
            "grid_power": -1800,
            "grid_status": "Active",
            "island_status": "on_grid",
            "percentage_charged": 62.5,
            "storm_mode_active": False,
            "timestamp": "2026-01-14T17:00:00+10:00",
        },
        "info": {
            "id": "STE20260114-00001",
            "version": "25.42.1",
            "installation_time_zone": "Australia/Sydney",
            "nameplate_power": 5000,
            "nameplate_energy": 13500,
            "backup_reserve_percent": 20,
            "default_real_mode": "self_consumption",
            "components": {
                "disallow_charge_from_grid_with_solar_installed": True,
                "customer_preferred_export_rule": "pv_only",
            },
            "tariff_content_v2": deepcopy(THEIR_TARIFF),
        },
    }


class TeslaCloud:
    """An account with its sites, and the server that gives out its tokens."""

    def __init__(self, *sites: str) -> None:
        self.sites = {site: _site() for site in sites}
        self.access = "access-0"
        self.refresh = "refresh-0"
        self.renewals = 0
        self.api = VendorCloud(self._answer)
        self.auth = VendorCloud(self._renew)

    def expire(self) -> None:
        """Make void the access token that is out."""
        self.access = f"void-{self.renewals}"

    def _renew(self, asked: Asked) -> Answer:
        form = parse_qs(asked.body.decode())
        if asked.path != "/oauth2/v3/token" or form.get("refresh_token") != [self.refresh]:
            return Answer(401, {"error": "login_required"})
        self.renewals += 1
        self.access, self.refresh = f"access-{self.renewals}", f"refresh-{self.renewals}"
        given = {"access_token": self.access, "refresh_token": self.refresh, "expires_in": 28_800}
        return Answer(200, given)

    def _answer(self, asked: Asked) -> Answer:
        if asked.headers.get("authorization") != f"Bearer {self.access}":
            return Answer(401, {"error": "token expired"})
        id, _, verb = asked.path.removeprefix(_SITES).partition("/")
        if id not in self.sites:
            return Answer(404, {"error": "not found"})
        site = self.sites[id]
        reads = {"live_status": "live", "site_info": "info"}
        if asked.method == "GET" and verb in reads:
            return Answer(200, {"response": site[reads[verb]]})
        if asked.method != "POST":
            return Answer(405, {"error": "method"})
        if self.api.trouble is not Trouble.LYING:
            _set(site["info"], verb, json.loads(asked.body))
        return Answer(200, {"response": {"code": 201, "message": "Updated"}})


def _set(info: dict[str, Any], verb: str, body: dict[str, Any]) -> None:
    match verb:
        case "operation":
            info["default_real_mode"] = body["default_real_mode"]
        case "backup":
            info["backup_reserve_percent"] = body["backup_reserve_percent"]
        case "grid_import_export":
            info["components"] |= {name: value for name, value in body.items() if value is not None}
        case "time_of_use_settings":
            info["tariff_content_v2"] = body["tou_settings"]["tariff_content_v2"]
