"""Where messages go. An MQTT topic is the same name with slashes for dots."""

from manta.domain.identity import SiteId

SITE_ROOT = "manta.v1.s"
SITE_TELEMETRY = f"{SITE_ROOT}.*.up"
SITE_ACKS = f"{SITE_ROOT}.*.ack"

READINGS = "manta.readings"
"""gateway → engine, governor: packed READING columns."""
PRICES = "manta.prices"
"""engine → api: PricePublished."""
INTENTS = "manta.intents"
"""engine → governor, request and reply: IntentsReady, answered by LeasesWritten."""
LEASES = "manta.leases"
"""governor → gateway: SealedLeases, at most 1,000 to a message."""
ACKS = "manta.acks"
"""gateway → engine, governor: packed ACK columns, already in the record."""
LIVE = "manta.live"
"""engine → api, once a second: FleetSnapshot."""
DISPATCHES = "manta.dispatches"
"""engine → api: DispatchMade, again with its outcome."""
CHANGES = "manta.changes"
"""outbox → engine, api: Changed (rules, membership); the receiver reads the record again."""
STORY = "manta.story"
"""api, cli → market simulator, request and reply: StartStory; only in a simulated world."""
STORIES = "manta.stories"
"""market simulator → api: StoryStarted, whoever asked for it, and when one begins by itself."""


def telemetry_of(site: SiteId) -> str:
    """Return the subject on which a site reports."""
    return f"{SITE_ROOT}.{site}.up"


def acks_of(site: SiteId) -> str:
    """Return the subject on which a site answers its leases."""
    return f"{SITE_ROOT}.{site}.ack"


def leases_of(site: SiteId) -> str:
    """Return the subject on which a site hears its leases."""
    return f"{SITE_ROOT}.{site}.down"


def topic(subject: str) -> str:
    """Spell a subject as MQTT does."""
    return subject.replace(".", "/")


def site_in(subject: str) -> SiteId:
    """Return the site that a telemetry or acknowledgement subject belongs to."""
    return SiteId(subject.split(".")[3])
