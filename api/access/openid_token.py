"""What an OpenID Connect provider signed: is it the provider's, for us, and for this sign-in?"""

from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import orjson
from authlib.oidc.core import CodeIDToken
from joserfc import jws, jwt
from joserfc.errors import (
    BadSignatureError,
    ExpiredTokenError,
    InvalidClaimError,
    JoseError,
    MissingClaimError,
    UnsupportedAlgorithmError,
)
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from ddms.errors import Code, DdmsError, Sentence
from ddms.openid import Provider

ASYMMETRIC = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"})
"""The only algorithms: none proves nothing, and what has one key for both ends can be signed by whoever reads the public one."""
LEEWAY_SECONDS = 60
"""So far the clocks of provider and DDMS may be apart."""
SIGNED_OUT = "http://schemas.openid.net/event/backchannel-logout"
_MOST_KEYS = 50
_LEAST_RSA_BITS = 2048
_MOST_SUBJECT = 255

Key: TypeAlias = RSAKey | ECKey | OKPKey

_UNREADABLE = Sentence("it cannot be read")
_REASONS = {
    "iss": Sentence("it is of another issuer"),
    "aud": Sentence("it is for another program"),
    "azp": Sentence("it is for another program"),
    "exp": Sentence("it has expired, so compare the clocks"),
    "nbf": Sentence("it is not valid yet, so compare the clocks"),
    "iat": Sentence("it is not valid yet, so compare the clocks"),
    "nonce": Sentence("it belongs to another sign-in"),
    "at_hash": Sentence("it does not belong to what came with it"),
    "sub": Sentence("it names nobody"),
}


class Untrusted(DdmsError):  # noqa: N818 - the token is not trusted
    """A token that is not believed; `of_keys` when the provider may have other keys by now."""

    def __init__(self, provider: Provider, reason: str, *, of_keys: bool = False) -> None:
        sentence = Sentence(
            "what {} says of you is not trusted, because {}: begin again, and if it stays so tell the owner of DDMS",
            provider.title,
            reason,
        )
        super().__init__(Code.UNAUTHENTICATED, sentence)
        self.reason = reason
        self.of_keys = of_keys


def keys_of(told: Mapping[str, Any]) -> list[Key]:
    """Return the keys of a provider that can prove something: public ones, for signatures, not too weak."""
    listed = told.get("keys")
    if not isinstance(listed, list):
        raise TypeError("it has no list of keys")
    keys: list[Key] = []
    for one in listed[:_MOST_KEYS]:
        if not isinstance(one, dict) or one.get("use", "sig") != "sig" or one.get("kty") == "oct":
            continue
        try:
            key = JWKRegistry.import_key(one)
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        if isinstance(key, ECKey | OKPKey) or (isinstance(key, RSAKey) and key.public_key.key_size >= _LEAST_RSA_BITS):
            keys.append(key)
    return keys


def checked(
    token: str,
    keys: Sequence[Key],
    provider: Provider,
    algorithms: frozenset[str],
    *,
    nonce: str | None = None,
    access_token: Any = None,
) -> dict[str, Any]:
    """Return the claims of an ID token; with a nonce, of the one that answers this sign-in. Raises `Untrusted`."""
    claims, header = _signed(token, keys, provider, algorithms)
    options = {
        "iss": {"essential": True, "value": provider.issuer},
        "aud": {"essential": True, "value": provider.client_id},
    }
    expected = {"nonce": nonce, "client_id": provider.client_id, "access_token": access_token}
    try:
        CodeIDToken(claims, header, options, expected).validate(leeway=LEEWAY_SECONDS)
    except (InvalidClaimError, MissingClaimError, ExpiredTokenError) as error:
        raise Untrusted(provider, _reason(error)) from error
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise Untrusted(provider, _UNREADABLE) from error
    if not 1 <= len(claims["sub"]) <= _MOST_SUBJECT or not claims["sub"].isprintable():
        raise Untrusted(provider, _REASONS["sub"])
    return claims


def checked_sign_out(
    token: str, keys: Sequence[Key], provider: Provider, algorithms: frozenset[str]
) -> tuple[str | None, str | None]:
    """Return whom, and which of their sessions, a provider signed out (back-channel logout); raises `Untrusted`."""
    claims, header = _signed(token, keys, provider, algorithms)
    claims = {**claims}
    subject = claims.setdefault("sub", claims.get("sid"))
    claims.setdefault("exp", claims.get("iat"))
    options = {
        "iss": {"essential": True, "value": provider.issuer},
        "aud": {"essential": True, "value": provider.client_id},
        "jti": {"essential": True},
    }
    try:
        CodeIDToken(claims, header, options, {"client_id": provider.client_id}).validate(leeway=2 * LEEWAY_SECONDS)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise Untrusted(provider, _reason(error)) from error
    events = claims.get("events")
    if not isinstance(events, dict) or SIGNED_OUT not in events or "nonce" in claims or not isinstance(subject, str):
        raise Untrusted(provider, _UNREADABLE)
    sid = claims.get("sid")
    return (subject if subject != sid else None), (sid if isinstance(sid, str) else None)


def sid_of(id_token: str | None) -> str | None:
    """Return which session at the provider an ID token, checked before, speaks of."""
    try:
        payload = (id_token or "").split(".")[1]
        told = orjson.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError):
        return None
    sid = told.get("sid") if isinstance(told, dict) else None
    return sid if isinstance(sid, str) else None


def _signed(
    token: str, keys: Sequence[Key], provider: Provider, algorithms: frozenset[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return claims and header of a token that one of these keys signed."""
    allowed = algorithms & ASYMMETRIC
    registry = JWSRegistry(algorithms=allowed, strict_check_header=False)
    registry.max_header_length = 8_192  # some send their certificate along
    try:
        header = dict(jws.extract_compact(token.encode(), registry=registry).headers())
        algorithm, kid = str(header.get("alg")), header.get("kid")
        if algorithm not in allowed:
            raise Untrusted(provider, Sentence("the algorithm {} of its signature is not allowed", algorithm[:20]))
        for key in [key for key in keys if kid is None or key.kid in {kid, None}]:
            try:
                return jwt.decode(token, key, registry=registry).claims, header
            except (BadSignatureError, UnsupportedAlgorithmError, ValueError, TypeError):
                continue  # a key of another kind, or another one
    except (JoseError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise Untrusted(provider, _UNREADABLE) from error
    raise Untrusted(provider, Sentence("no key of the provider made its signature"), of_keys=True)


def _reason(error: Exception) -> str:
    claim = str(getattr(error, "claim", "") or "").partition(",")[0]
    return _REASONS.get(claim, _UNREADABLE)
