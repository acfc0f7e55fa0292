"""Where the API is, and the token for it: as it was said, or those of the demo."""

import json
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from ddms.errors import Code, DdmsError

_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """A websocket of a GraphQL API, and a token."""

    url: str
    token: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """What a person said: everything, or nothing for the demo in `directory`.

    It is read again before each connection: a demo that is started again may have another port, and a token in a file
    may be replaced.
    """

    url: str | None
    token: str | None
    token_file: Path | None
    directory: Path

    def read(self) -> Address:
        """Return the address; raises a sentence when the demo does not run or a token is missing."""
        url = websocket(self.url) if self.url else self._of_demo()
        if self.token:
            return Address(url=url, token=self.token)
        file = self.token_file or (None if self.url else self.directory / "token")
        if file is None:
            raise DdmsError(Code.INVALID, "give the token for it: in DDMS_TOKEN, or as a file with --token-file")
        try:
            return Address(url=url, token=file.read_text(encoding="utf-8").strip())
        except (OSError, UnicodeDecodeError) as error:
            raise DdmsError(Code.INVALID, f"the token in {file} cannot be read ({error})") from error

    def _of_demo(self) -> str:
        try:
            return websocket(json.loads((self.directory / "addresses.json").read_text())["api"])
        except (OSError, ValueError, KeyError) as error:
            raise DdmsError(
                Code.NOT_FOUND,
                f"there is no demo in {self.directory}: start one with `ddms demo`, or say with --url where the API is",
            ) from error


def websocket(url: str) -> str:
    """Return the address of the API's websocket for what people know as its address: `https://host`, with or without /graphql."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme not in _SCHEMES or not parts.netloc:
        raise DdmsError(Code.INVALID, f"{url!r} is no address like https://ddms.example", field="--url")
    path = parts.path if parts.path.strip("/") else "/graphql"
    return urlunsplit((_SCHEMES[parts.scheme], parts.netloc, path, "", ""))
