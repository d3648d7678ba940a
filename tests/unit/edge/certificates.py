"""An authority and the certificates it issues, for tests."""

from datetime import timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from manta.settings.clock import wall


def name_of(common):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


class Authority:
    """Issues to boxes and servers."""

    def __init__(self, common="test authority"):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = name_of(common)
        now = wall()
        self.certificate = self._issue(
            self.name, self.key.public_key(), now - timedelta(days=30), now + timedelta(days=365), ca=True
        )

    def _issue(self, subject, public_key, begins, ends, *, ca=False):
        usage = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False
        )
        usage |= {"encipher_only": False, "decipher_only": False}
        usage |= {"digital_signature": not ca, "key_cert_sign": ca, "crl_sign": ca}
        ours = self.key.public_key()
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(ends)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ours), critical=False)
            .add_extension(
                x509.SubjectAlternativeName(
                    [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
                ),
                critical=False,
            )
            .sign(self.key, hashes.SHA256())
        )

    def pem(self):
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, common, begins, ends):
        """Return key and certificate, as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        certificate = self._issue(name_of(common), key.public_key(), begins, ends)
        return pem, certificate.public_bytes(serialization.Encoding.PEM)

    def sign(self, request_pem, begins, ends, common=None):
        """Answer a request."""
        request = x509.load_pem_x509_csr(request_pem)
        subject = request.subject if common is None else name_of(common)
        return self._issue(subject, request.public_key(), begins, ends).public_bytes(
            serialization.Encoding.PEM
        )

    def enrol(self, folder, common, begins, ends):
        """Write a box's folder."""
        folder.mkdir(parents=True, exist_ok=True)
        key, certificate = self.issue(common, begins, ends)
        (folder / "box.pem").write_bytes(key + certificate)
        (folder / "box.pem").chmod(0o600)
        (folder / "authority.pem").write_bytes(self.pem())
