"""Asking the demo's own API, with what the standard library has."""

import json
import urllib.error
import urllib.request
from typing import Any


def ask(url: str, token: str, query: str) -> dict[str, Any] | None:
    """Return the data of a query; None while the API does not answer it."""
    request = urllib.request.Request(  # noqa: S310 - our own address
        url,
        data=json.dumps({"query": query}).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
            data: dict[str, Any] | None = json.load(answer).get("data")
            return data
    except (OSError, ValueError, urllib.error.URLError):
        return None


def reachable(url: str) -> bool:
    """Whether an address answers with success."""
    try:
        with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own address
            return True
    except (OSError, urllib.error.URLError):
        return False
