"""Who the box is: one short-lived certificate, the authority it trusts, and how the next one is had.

The folder holds ``box.pem`` (key and certificate in one file, so that both change in one stroke) and
``authority.pem``. Once a third of a certificate's life is left, ``next.key`` and ``next.csr`` are written;
when a certificate for that key appears as ``next.pem``, it takes over, from the next connection on. A key
never leaves the box.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from manta.edge.memory import replace_durably

RENEW_AT = 1 / 3
"""Of a certificate's life, when the next is asked for."""


class IdentityError(ValueError):
    """A certificate is missing, or not what it should be; says what to do."""


class Rotation(StrEnum):
    """Where the next certificate stands."""

    NOT_DUE = "not due"
    ASKED = "asked"
    """The request lies ready, and no certificate came yet."""
    TAKEN = "taken"


class _OwnClosing(ssl.SSLSocket):
    """A socket that is closed where its handshake fails: the MQTT library leaves it open then."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - as the standard library has it
        """Agree on keys, or close."""
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


@dataclass(frozen=True, slots=True)
class Identity:
    """A folder with the box's certificate."""

    folder: Path

    def context(self) -> ssl.SSLContext:
        """Return mutual TLS 1.3, and nothing older, that trusts the pinned authority alone."""
        authority, box = self.folder / "authority.pem", self.folder / "box.pem"
        for path in (authority, box):
            if not path.is_file():
                raise IdentityError(f"there is no {path}: it is issued when the box is enrolled")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        context.sslsocket_class = _OwnClosing
        context.load_verify_locations(authority)
        context.load_cert_chain(box)
        return context

    def ends_at(self) -> datetime:
        """Return when the certificate in use ends."""
        from cryptography import x509  # heavy, and needed once a day

        return x509.load_pem_x509_certificate((self.folder / "box.pem").read_bytes()).not_valid_after_utc

    def rotate(self, at: datetime) -> Rotation:
        """Ask for the next certificate when it is time, and take it when it is there.

        IdentityError where what came does not fit: another key, name or authority, or not valid now.
        """
        from cryptography import x509

        now = x509.load_pem_x509_certificate((self.folder / "box.pem").read_bytes())
        life = now.not_valid_after_utc - now.not_valid_before_utc
        if now.not_valid_after_utc - at > life * RENEW_AT:
            return Rotation.NOT_DUE
        if not (self.folder / "next.csr").exists():
            self._ask(now)
        if not (self.folder / "next.pem").exists():
            return Rotation.ASKED
        self._take(now, at)
        return Rotation.TAKEN

    def _ask(self, now: object) -> None:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        assert isinstance(now, x509.Certificate)  # noqa: S101 - the library is loaded only here
        key = ec.generate_private_key(ec.SECP256R1())
        request = x509.CertificateSigningRequestBuilder().subject_name(now.subject).sign(key, hashes.SHA256())
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        replace_durably(self.folder / "next.key", pem)
        replace_durably(self.folder / "next.csr", request.public_bytes(serialization.Encoding.PEM))

    def _take(self, now: object, at: datetime) -> None:
        from cryptography import x509
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import serialization

        assert isinstance(now, x509.Certificate)  # noqa: S101 - the library is loaded only here
        path = self.folder / "next.pem"
        try:
            came = x509.load_pem_x509_certificate(path.read_bytes())
            authority = x509.load_pem_x509_certificate((self.folder / "authority.pem").read_bytes())
            came.verify_directly_issued_by(authority)
        except (ValueError, TypeError, InvalidSignature) as error:
            raise IdentityError(f"{path} is not from our authority: remove it, and have it issued") from error
        key_pem = (self.folder / "next.key").read_bytes()
        key = serialization.load_pem_private_key(key_pem, password=None)
        if came.public_key() != key.public_key() or came.subject != now.subject:
            raise IdentityError(f"{path} is for another key or another box: have next.csr of this box signed")
        if not came.not_valid_before_utc <= at < came.not_valid_after_utc:
            raise IdentityError(f"{path} is not valid now: check the clock, or have it issued again")
        replace_durably(self.folder / "box.pem", key_pem + path.read_bytes())
        for name in ("next.pem", "next.csr", "next.key"):
            (self.folder / name).unlink()
