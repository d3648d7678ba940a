"""Who may say what on the bus: NATS JWTs, each a pure function of a key and a name.

The server is configured once with the operator and one account. Every role of ours is a user of that account
with permissions of its own. Every site is one too, but signed by a second key that the account has *scoped*:
whatever it signs may publish that site's reports and answers and hear that site's leases, over MQTT, and
nothing else. So provisioning a site needs no server, and a stolen provisioning key makes sites only.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import msgspec
import nkeys

from manta.domain.identity import SiteId
from manta.wire import subjects

INBOX = "_INBOX.>"
ISSUED_AT = 1_767_225_600
"""The same instant in every token, so that the same key and name give the same token."""
UNLIMITED = -1
ANSWERS = {"max": 1, "ttl": 60_000_000_000}
"""May answer a request once, within a minute (in nanoseconds)."""
HEADER = base64.urlsafe_b64encode(b'{"typ":"JWT","alg":"ed25519-nkey"}').rstrip(b"=").decode()

type Claims = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Permissions:
    """The subjects that a user may publish and hear."""

    publish: tuple[str, ...] = ()
    hear: tuple[str, ...] = ()
    answers: bool = False
    """May answer the requests it hears."""

    def claims(self) -> Claims:
        """Spell them as a user's token does; a list of nothing would mean everything."""
        rights: dict[str, Any] = {
            "pub": {"allow": list(self.publish)} if self.publish else {"deny": [">"]},
            "sub": {"allow": list(self.hear)} if self.hear else {"deny": [">"]},
        }
        return rights | ({"resp": ANSWERS} if self.answers else {})


ROLES: Mapping[str, Permissions] = {
    "gateway": Permissions(
        publish=(subjects.READINGS, subjects.ACKS, subjects.leases_of(SiteId("*"))),
        hear=(subjects.SITE_TELEMETRY, subjects.SITE_ACKS, subjects.LEASES, subjects.CHANGES),
    ),
    "engine": Permissions(
        publish=(subjects.PRICES, subjects.INTENTS, subjects.LIVE, subjects.DISPATCHES, subjects.CHANGES),
        hear=(subjects.READINGS, subjects.ACKS, subjects.CHANGES, INBOX),
    ),
    "governor": Permissions(
        publish=(subjects.LEASES,),
        hear=(subjects.READINGS, subjects.ACKS, subjects.INTENTS, subjects.CHANGES),
        answers=True,
    ),
    "settler": Permissions(publish=(subjects.CHANGES,), hear=(subjects.PRICES, subjects.CHANGES)),
    "api": Permissions(
        publish=(subjects.STORY, subjects.CHANGES),
        hear=(subjects.PRICES, subjects.LIVE, subjects.DISPATCHES, subjects.CHANGES, subjects.STORIES, INBOX),
    ),
    "market-simulator": Permissions(publish=(subjects.STORIES,), hear=(subjects.STORY,), answers=True),
    "cli": Permissions(publish=(subjects.STORY,), hear=(INBOX,)),
}
"""Each role's least; a role that is not here has no business on the bus."""

SITE_TEMPLATE: Claims = {
    "pub": {"allow": [f"{subjects.SITE_ROOT}.{{{{name()}}}}.up", f"{subjects.SITE_ROOT}.{{{{name()}}}}.ack"]},
    "sub": {"allow": [f"{subjects.SITE_ROOT}.{{{{name()}}}}.down"]},
    "subs": 4,
    "data": UNLIMITED,
    "payload": 64 * 1024,
    "bearer_token": True,
    "allowed_connection_types": ["MQTT"],
}


@dataclass(frozen=True, slots=True)
class SiteKey:
    """The scoped key that makes sites, and the account that they belong to."""

    account: str
    seed: str

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what ``text`` wrote."""
        account, seed = path.read_text().split()
        return cls(account, seed)

    def text(self) -> str:
        """Return it for a private file."""
        return f"{self.account}\n{self.seed}\n"

    def __repr__(self) -> str:
        return f"SiteKey({self.account})"


def site_credentials(key: SiteKey, site: SiteId) -> str:
    """Return a site's MQTT password; its user name is the site's id."""
    if not site or not all(c.isascii() and (c.isalnum() or c in "-_") for c in site):
        raise ValueError(f"a site that signs in is named with letters, digits, - and _, was {site!r}")
    body = {"issuer_account": key.account, "type": "user", "version": 2, "pub": {}, "sub": {}}
    return sign(key.seed, subject=public(derived_seed(key.seed, site, "user")), name=site, body=body)


def role_credentials(account_seed: str, role: str) -> str:
    """Return the text of a role's credentials file, as NATS clients read it."""
    seed = derived_seed(account_seed, role, "user")
    body = {
        **ROLES[role].claims(),
        "subs": UNLIMITED,
        "data": UNLIMITED,
        "payload": UNLIMITED,
        "allowed_connection_types": ["STANDARD"],
        "type": "user",
        "version": 2,
    }
    token = sign(account_seed, subject=public(seed), name=role, body=body)
    return (
        f"-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )


def account_token(operator_seed: str, account: str, name: str, scoped: Sequence[str] = ()) -> str:
    """Return an account's token, with the keys that may make sites in it."""
    scopes = [{"kind": "user_scope", "key": key, "role": "site", "template": SITE_TEMPLATE} for key in scoped]
    limits = dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf"), UNLIMITED)
    storage = dict.fromkeys(
        ("mem_storage", "disk_storage", "streams", "consumer"), UNLIMITED if scoped else 0
    )
    body = {
        "limits": {**limits, **storage, "wildcards": True},
        "signing_keys": scopes,
        "type": "account",
        "version": 2,
    }
    return sign(operator_seed, subject=account, name=name, body=body)


def operator_token(operator_seed: str, system_account: str) -> str:
    """Return the operator's token, signed by itself."""
    body = {"system_account": system_account, "type": "operator", "version": 2}
    return sign(operator_seed, subject=public(operator_seed), name="manta", body=body)


def seed_from(entropy: bytes, kind: str) -> str:
    """Return 32 bytes as the seed of an operator, an account or a user."""
    prefixes = {
        "operator": nkeys.PREFIX_BYTE_OPERATOR,
        "account": nkeys.PREFIX_BYTE_ACCOUNT,
        "user": nkeys.PREFIX_BYTE_USER,
    }
    encoded: bytes = nkeys.encode_seed(entropy, prefixes[kind])
    return encoded.decode()


def derived_seed(seed: str, name: str, kind: str) -> str:
    """Return a seed that follows from another and a name, and does not lead back."""
    return seed_from(hmac.digest(seed.encode(), f"manta {kind} {name}".encode(), hashlib.sha256), kind)


def public(seed: str) -> str:
    """Return a seed's public key."""
    key: bytes = nkeys.from_seed(seed.encode()).public_key
    return key.decode()


def sign(seed: str, *, subject: str, name: str, body: Claims) -> str:
    """Return a token that says ``body`` of ``subject``."""
    signer = nkeys.from_seed(seed.encode())
    claims: dict[str, Any] = {
        "iat": ISSUED_AT,
        "iss": signer.public_key.decode(),
        "name": name,
        "sub": subject,
        "nats": body,
    }
    claims["jti"] = _unpadded32(hashlib.sha256(msgspec.json.encode(claims)).digest())
    message = f"{HEADER}.{_url64(msgspec.json.encode(claims))}"
    return f"{message}.{_url64(signer.sign(message.encode()))}"


def _url64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unpadded32(raw: bytes) -> str:
    return base64.b32encode(raw).rstrip(b"=").decode()
