"""Passwords of roles, hashed here, so that the same hash can be kept and set again."""

import hmac
import secrets
from base64 import b64encode
from hashlib import pbkdf2_hmac, sha256

import asyncpg

_ROUNDS = 4096


def hashed(password: str) -> str | None:
    """Return a password as PostgreSQL keeps it (SCRAM-SHA-256, RFC 5803); None when it is not ASCII.

    Other characters would have to be prepared by RFC 4013, which is left to the server.
    """
    if not password.isascii():
        return None
    salt = secrets.token_bytes(16)
    salted = pbkdf2_hmac("sha256", password.encode(), salt, _ROUNDS)
    stored = sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt_text, stored_text, server_text = (b64encode(part).decode() for part in (salt, stored, server))
    return f"SCRAM-SHA-256${_ROUNDS}:{salt_text}${stored_text}:{server_text}"


async def set_password(connection: asyncpg.Connection, role: str, password: str) -> None:
    """Give a role its password, hashed or not; what is not, the server hashes. Quoting is the server's as well."""
    statement = await connection.fetchval(
        "SELECT format('ALTER ROLE %I PASSWORD %L', $1::text, $2::text)", role, password
    )
    await connection.execute(statement)
