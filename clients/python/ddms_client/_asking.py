"""How to ask once and again, without a network: a generator gives what to send, or how long to wait, and is sent the answer.

So what is asked stands once, for programs with and without asyncio.
"""

import json
import random
import re
import time
import uuid
from collections.abc import Generator, Iterable, Iterator
from dataclasses import asdict, dataclass, is_dataclass
from datetime import datetime
from typing import Any, TypeVar

import httpx2

from ddms_client.errors import DdmsError, Problem, problems
from ddms_client.schema import ARGUMENTS

T = TypeVar("T")
LATER = frozenset({"RATE_LIMITED", "BUSY", "UNAVAILABLE"})
"""Codes of what may be tried again; nothing was done."""
_AWAY = frozenset({429, 502, 503, 504})
"""What proxies say while DDMS is away."""
_CHANGE = re.compile(r"(?:^|\})\s*mutation\b", re.MULTILINE)
_SECRET = re.compile(r"\b(createToken|signIn|createUser|resetPassword|changePassword|createWebhook|updateWebhook)\b")
"""Changes that take no idempotency key, because their answers are kept nowhere."""


@dataclass(frozen=True)
class Post:
    """A request to send; the reply is its answer, or what the network said."""

    content: bytes
    headers: dict[str, str]


@dataclass(frozen=True)
class Pause:
    """A time to wait, in seconds."""

    seconds: float


Reply = httpx2.Response | httpx2.TransportError | None
Steps = Generator[Post | Pause, Reply, T]


def pauses(most: float = 30) -> Iterator[float]:
    """Give ever longer times to wait, in seconds, such that not everybody comes back at once."""
    longest = 0.5
    while True:
        yield random.uniform(longest / 2, longest)  # noqa: S311 - no secret
        longest = min(most, longest * 2)


def ask(query: str, variables: dict[str, Any], patience: float) -> Steps[dict[str, Any]]:
    """Ask, again after as long as the server says, for at most `patience` seconds; return the data, or raise `DdmsError`."""
    content = json.dumps({"query": query, "variables": variables}, default=_plain, allow_nan=False).encode()
    is_change, has_secret = _CHANGE.search(query), _SECRET.search(query)
    headers = {"Content-Type": "application/json", "Accept": "application/graphql-response+json, application/json"}
    if is_change and not has_secret:
        headers["Idempotency-Key"] = str(uuid.uuid4())
    give_up = time.monotonic() + patience
    for pause in pauses():
        reply = yield Post(content, headers)
        data, found = _read(reply)
        if not found:
            payloads = [payload for payload in data.values() if is_change and isinstance(payload, dict)]
            if refused := problems([error for payload in payloads for error in payload.get("errors") or ()]):
                raise DdmsError(refused, data)
            return data
        # A change whose answer was lost may have been done: it is sent again only with its key.
        is_lost = found[0].code == "UNAVAILABLE" and is_change and has_secret
        wait = max(pause, max(one.retry_after or 0 for one in found) * random.uniform(1, 1.2))  # noqa: S311
        if is_lost or found[0].code not in LATER or time.monotonic() + wait > give_up:
            raise DdmsError(found, data)
        yield Pause(wait)
    raise AssertionError("pauses never end")


def _read(reply: Reply) -> tuple[dict[str, Any], list[Problem]]:
    """Return the data and the errors of an answer."""
    if not isinstance(reply, httpx2.Response):
        said = str(reply) or type(reply).__name__
        if "CERTIFICATE_VERIFY_FAILED" in said:
            return {}, [Problem("UNTRUSTED", f"{said}; give the certificate of your own authority as `ca`")]
        return {}, [Problem("UNAVAILABLE", f"DDMS cannot be reached: {said}")]
    after = reply.headers.get("Retry-After", "")
    seconds = float(after) if after.isdigit() else None
    try:
        answer = reply.json()
        data, errors = answer.get("data") or {}, answer.get("errors") or []
    except (ValueError, AttributeError):
        code = "UNAVAILABLE" if reply.status_code in _AWAY else f"HTTP_{reply.status_code}"
        said = f"{reply.url} answered with {reply.status_code} and no GraphQL: {reply.text[:200]!r}"
        return {}, [Problem(code, said, retry_after=seconds)]
    if not errors and "data" not in answer:
        errors = [{"message": f"{reply.url} answered with {reply.status_code} and no data", "code": f"HTTP_{reply.status_code}"}]  # fmt: skip
    return data, problems(errors)


def _plain(value: object) -> Any:
    if isinstance(value, datetime):
        return moment(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{value!r} is nothing that the API takes")


def moment(value: datetime) -> str:
    """Return a time as the API takes it."""
    if value.tzinfo is None:
        raise ValueError(f"{value} has no time zone: datetime(…, tzinfo=ZoneInfo('Europe/Berlin')), or `.astimezone()`")
    return value.isoformat()


def question(name: str, given: dict[str, Any], asked: str) -> tuple[str, dict[str, Any]]:
    """Return a query of one root field with the arguments that are given, and its variables."""
    known = ARGUMENTS[name]
    if unknown := given.keys() - known.keys():
        raise TypeError(f"{name} takes no {min(unknown)!r}: {', '.join(known)}")
    said = {known[key]: value for key, value in given.items() if value is not None}
    declared = "".join(f"${told}: {kind}, " for told, kind in said)
    passed = "".join(f"{told}: ${told}, " for told, _ in said)
    query = f"query ({declared}) {{ {name}({passed}) {{ {asked} }} }}" if said else f"{{ {name} {{ {asked} }} }}"
    return query, {told: listed(value) if kind.startswith("[") else value for (told, kind), value in said.items()}


def listed(values: Iterable[Any] | None) -> list[Any] | None:
    """Return several values as JSON has them; one string is one value."""
    if values is None:
        return None
    return [values] if isinstance(values, str) else list(values)
