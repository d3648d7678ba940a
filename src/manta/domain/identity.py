"""Names of things. Distinct types, so that a site never passes for a device."""

from typing import NewType
from uuid import UUID

TenantId = NewType("TenantId", str)
SiteId = NewType("SiteId", str)
"""Opaque, lower-case letters, digits and dashes, safe in a topic; the same in the record and on the wire."""
DeviceId = NewType("DeviceId", str)
"""``<site>-<kind><n>``, for example ``h-7k2q9f-battery1``."""
VppId = NewType("VppId", str)
RuleId = NewType("RuleId", UUID)
UserId = NewType("UserId", UUID)
BatchId = NewType("BatchId", UUID)
Nmi = NewType("Nmi", str)
"""National Metering Identifier of a connection point, ten characters without checksum."""
