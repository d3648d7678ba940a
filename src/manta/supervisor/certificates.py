"""Our own certificate authority, made at first start, for every listener that is not on loopback."""

import ipaddress
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from manta.supervisor.accounts import private_directory, private_file

AUTHORITY_LASTS = timedelta(days=3650)
SERVER_LASTS = timedelta(days=397)
RENEW_BEFORE = timedelta(days=30)
LOOPBACK_NAME = "localhost"


class UnprotectedListenerError(RuntimeError):
    """A listener beyond loopback has no TLS."""


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files of a listener: its chain, its key (PKCS#8), and the authority that its clients trust."""

    certificate: Path
    key: Path
    authority: Path

    def server_context(self) -> ssl.SSLContext:
        """Return TLS 1.3, and nothing older, for a listener."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(self.certificate, self.key)
        return context

    def client_context(self) -> ssl.SSLContext:
        """Return TLS 1.3 for a client that trusts our authority alone."""
        return trusting(self.authority)


def trusting(authority: Path) -> ssl.SSLContext:
    """Return TLS 1.3 for a client that trusts one authority alone."""
    context = ssl.create_default_context(cafile=str(authority))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def is_loopback(host: str) -> bool:
    """Tell whether a listener on this host can be reached from this machine only."""
    if host == LOOPBACK_NAME:
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def require_tls(host: str, tls: Certificates | None) -> None:
    """Refuse a listener beyond loopback without TLS."""
    if tls is None and not is_loopback(host):
        raise UnprotectedListenerError(
            f"refusing to listen on {host} without TLS: give it a certificate, or listen on 127.0.0.1"
        )


def ensure(home: Path, hosts: Sequence[str], at: datetime) -> Certificates:
    """Return certificates for these hosts, made anew where missing, near their end or for others."""
    private_directory(home, None)
    files = Certificates(home / "server.pem", home / "server.key", home / "authority.pem")
    authority_key = _authority_key(home / "authority.key", files.authority, at)
    if not _still_good(files, hosts, at):
        _issue(files, authority_key, hosts, at)
    return files


def _authority_key(key_path: Path, path: Path, at: datetime) -> ec.EllipticCurvePrivateKey:
    if key_path.exists() and path.exists():
        key = serialization.load_pem_private_key(key_path.read_bytes(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError(f"{key_path} does not hold an elliptic curve key")
        return key
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Manta local authority")
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        _builder(name, name, key.public_key(), at, AUTHORITY_LASTS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    private_file(key_path, _pem(key))
    private_file(path, certificate.public_bytes(serialization.Encoding.PEM))
    return key


def _issue(
    files: Certificates, authority_key: ec.EllipticCurvePrivateKey, hosts: Sequence[str], at: datetime
) -> None:
    authority = x509.load_pem_x509_certificate(files.authority.read_bytes())
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder(_name("Manta"), authority.subject, key.public_key(), at, SERVER_LASTS)
        .add_extension(x509.SubjectAlternativeName([_alternative(h) for h in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
        )
        .sign(authority_key, hashes.SHA256())
    )
    private_file(files.key, _pem(key))
    private_file(files.certificate, certificate.public_bytes(serialization.Encoding.PEM))


def _still_good(files: Certificates, hosts: Sequence[str], at: datetime) -> bool:
    if not (files.certificate.exists() and files.key.exists()):
        return False
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return (
        set(named) == {_alternative(h) for h in hosts} and certificate.not_valid_after_utc - at > RENEW_BEFORE
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, at: datetime, lasts: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(hours=1))
        .not_valid_after(at + lasts)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
