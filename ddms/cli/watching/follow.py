"""Following the API by a websocket (graphql-transport-ws): what is configured, then each reading and each state.

A connection that breaks is opened again, and the readings go on where they stopped.
Protocol: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

import asyncio
import json
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage
from websockets.typing import Subprotocol

from ddms.cli.watching.address import Place
from ddms.cli.watching.board import TREND_SECONDS, Board, Point, Reading
from ddms.errors import Code, DdmsError

DEVICES = """
query WatchedDevices($after: String, $group: ID) {
  system { time }
  devices(first: 100, after: $after, group: $group) {
    nodes {
      id name status { state }
      points { id key name unit intervalSeconds deadband heartbeatSeconds enabled }
    }
    pageInfo { hasNextPage endCursor }
  }
}
"""
GROUP = "query WatchedGroup($name: String) { group(name: $name) { id } }"
HISTORY = """
query WatchedHistory($points: [ID!]!, $from: DateTime!) {
  series(points: $points, from: $from, maxPoints: 120) { point { id } columns { time value } }
}
"""
READINGS = """
subscription WatchedReadings($devices: [ID!], $resumeFrom: String) {
  readings(devices: $devices, resumeFrom: $resumeFrom) {
    kind reason resumeToken columns { pointId time value text quality }
  }
}
"""
STATES = "subscription WatchedStates($devices: [ID!]) { deviceStates(devices: $devices) { kind devices { deviceId state } } }"

_TOKEN_IS_WRONG = {4401, 4403}
_LARGEST_MESSAGE = 64 << 20
_PAUSES = (0.5, 1.0, 2.0, 5.0)
_AT_ONCE = 200
"""Points whose history is asked for in one query."""

_PASSING = {"UNAVAILABLE", "TIMEOUT", "INTERNAL", "RATE_LIMITED"}
"""Codes of errors that may be gone in a while."""

Heard = Callable[[list[tuple[Point, Reading]]], None]


class _Reconfigured(Exception):  # noqa: N818 - no error
    """Devices or points came or went: everything is read again on a new connection."""


class _Passing(Exception):  # noqa: N818 - told as a sentence
    """The API answers that it cannot answer now."""


class Follower:
    """Keeps a board up to date for ever; `heard` is told what is new."""

    def __init__(self, place: Place, board: Board, heard: Heard) -> None:
        self._place = place
        self._board = board
        self._heard = heard
        self._resume: str | None = None
        self._calls = 0

    async def run(self) -> None:
        """Follow until it is cancelled. Raises a sentence when the token or what is asked for is wrong."""
        failures = 0
        while True:
            address = self._place.read()
            try:
                async with connect(
                    address.url, subprotocols=[Subprotocol("graphql-transport-ws")],
                    max_size=_LARGEST_MESSAGE, compression=None, open_timeout=10,
                ) as socket:  # fmt: skip
                    await self._begin(socket, address.token)
                    failures = 0
                    await self._listen(socket)
            except _Reconfigured:
                failures = 0
            except _Passing as problem:
                self._away(f"the API at {_host(address.url)} cannot answer: {problem}")
            except ConnectionClosed as closed:
                self._closed(closed, address.url)
            except BrokenPipeError:
                raise  # nobody reads what is printed
            except ssl.SSLCertVerificationError as error:
                raise DdmsError(
                    Code.INVALID,
                    f"the certificate of {_host(address.url)} is not trusted here ({error.verify_message}): "
                    "name a file with it in SSL_CERT_FILE",
                ) from error
            except (OSError, TimeoutError, InvalidHandshake, InvalidMessage) as error:
                self._away(f"the API at {_host(address.url)} is away ({_reason(error)})")
            await asyncio.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])
            failures += 1

    def _closed(self, closed: ConnectionClosed, url: str) -> None:
        code, reason = (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (0, "")
        if code in _TOKEN_IS_WRONG:
            raise DdmsError(Code.INVALID, f"{_host(url)} refuses the token: {reason or 'it is not valid'}")
        self._away(f"the API at {_host(url)} closed the connection" + (f" ({reason})" if reason else ""))

    def _away(self, sentence: str) -> None:
        self._board.word = f"{sentence}; trying again"
        self._heard([])

    async def _begin(self, socket: ClientConnection, token: str) -> None:
        await _send(socket, {"type": "connection_init", "payload": {"token": token}})
        async with asyncio.timeout(10):
            while (await _receive(socket))["type"] != "connection_ack":
                pass
        await self._load(socket)
        watched = {"devices": [device.id for device in self._board.devices]}
        await _subscribe(socket, "states", STATES, {} if self._board.wanted.everything else watched)
        await _subscribe(socket, "readings", READINGS, watched | {"resumeFrom": self._resume})

    async def _load(self, socket: ClientConnection) -> None:
        wanted, nodes = self._board.wanted, []
        variables: dict[str, Any] = {"after": None, "group": None}
        if wanted.group:
            group = (await self._ask(socket, GROUP, {"name": wanted.group}))["group"]
            if group is None:
                raise DdmsError(Code.NOT_FOUND, f"there is no group {wanted.group!r}")
            variables["group"] = group["id"]
        while True:
            data = await self._ask(socket, DEVICES, variables)
            nodes += data["devices"]["nodes"]
            if not data["devices"]["pageInfo"]["hasNextPage"]:
                break
            variables["after"] = data["devices"]["pageInfo"]["endCursor"]
        self._board.skew = datetime.fromisoformat(data["system"]["time"]).timestamp() - time.time()
        self._board.load(nodes)
        self._check()
        await self._load_history(socket)

    def _check(self) -> None:
        found = {device.name.casefold() for device in self._board.devices}
        if missing := sorted(self._board.wanted.devices - found):
            where = f" in the group {self._board.wanted.group!r}" if self._board.wanted.group else ""
            raise DdmsError(Code.NOT_FOUND, f"there is no device {missing[0]!r}{where}")
        if self._board.wanted.keys and not self._board.points:
            raise DdmsError(Code.NOT_FOUND, f"no device has a point {', '.join(sorted(self._board.wanted.keys))}")

    async def _load_history(self, socket: ClientConnection) -> None:
        points = [point.id for point in self._board.points.values() if not point.trend]
        begin = (datetime.now(UTC) + timedelta(seconds=self._board.skew - TREND_SECONDS)).isoformat()
        for first in range(0, len(points), _AT_ONCE):
            data = await self._ask(socket, HISTORY, {"points": points[first : first + _AT_ONCE], "from": begin})
            self._board.history(data["series"])

    async def _ask(self, socket: ClientConnection, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Ask a query; nothing else runs on the socket meanwhile."""
        self._calls += 1
        number = str(self._calls)
        await _subscribe(socket, number, query, variables)
        answer: dict[str, Any] = {}
        async with asyncio.timeout(30):
            while (message := await _receive(socket))["type"] != "complete":
                if message["type"] in {"next", "error"} and message["id"] == number:
                    answer = _data(message)
                    if message["type"] == "error":
                        break
        return answer

    async def _listen(self, socket: ClientConnection) -> None:
        while True:
            message = await _receive(socket)
            if message["type"] in {"next", "error"}:
                self._take(_data(message))
            elif message["type"] == "complete":
                await socket.close()

    def _take(self, data: dict[str, Any]) -> None:
        self._board.word = ""
        if "deviceStates" in data:
            self._take_states(data["deviceStates"])
            return
        event = data["readings"]
        self._resume = event["resumeToken"]
        if event["reason"] == "CONFIGURATION":
            raise _Reconfigured
        self._heard(self._board.read(event["columns"]))

    def _take_states(self, event: dict[str, Any]) -> None:
        ids = {row["deviceId"] for row in event["devices"]}
        known = {device.id for device in self._board.devices}
        if self._board.wanted.everything and (ids - known or (event["kind"] == "SNAPSHOT" and known - ids)):
            raise _Reconfigured
        self._board.states(event["devices"])
        self._heard([])


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _reason(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return str(error) or "no answer in time"


def _data(message: dict[str, Any]) -> dict[str, Any]:
    payload = message["payload"]
    errors = payload if message["type"] == "error" else payload.get("errors")
    if errors:
        code = errors[0].get("extensions", {}).get("code")
        if code in _PASSING:
            raise _Passing(errors[0]["message"])
        raise DdmsError(Code.INVALID, f"the API refuses: {errors[0]['message']}")
    data: dict[str, Any] = payload["data"]
    return data


async def _subscribe(socket: ClientConnection, number: str, query: str, variables: dict[str, Any]) -> None:
    payload = {"query": query, "variables": variables}
    await _send(socket, {"type": "subscribe", "id": number, "payload": payload})


async def _receive(socket: ClientConnection) -> dict[str, Any]:
    while True:
        message: dict[str, Any] = json.loads(await socket.recv())
        if message["type"] != "ping":
            return message
        await _send(socket, {"type": "pong"})


async def _send(socket: ClientConnection, message: dict[str, Any]) -> None:
    await socket.send(json.dumps(message))
