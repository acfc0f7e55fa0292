"""Certificates whose expiry is watched: files in PEM, as the edge uses them."""

from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID


def expiry(file: Path) -> tuple[datetime, str]:
    """Return when the first certificate of a file expires, and whose it is; raises OSError or ValueError."""
    found = x509.load_pem_x509_certificates(file.read_bytes())
    first = min(found, key=lambda certificate: certificate.not_valid_after_utc)
    names = first.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return first.not_valid_after_utc, str(names[0].value) if names else first.subject.rfc4514_string()
