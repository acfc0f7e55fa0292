"""Follows a device's values over a websocket: `python -m demo.watch "T-101 raw water tank"`.

It shows how small a client of the live stream can be (graphql-transport-ws).
"""

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from demo.graphql import ask

_FIND = "{{ device(name: {name}) {{ id points {{ id name unit }} }} }}"
_FOLLOW = """
subscription ($devices: [ID!]) { readings(devices: $devices) { readings { pointId time value text quality reason } } }
"""


def main() -> None:
    """Print each value of a device as it arrives, until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m demo.watch", description="Follow a device's values.")
    parser.add_argument("device", help="name of the device")
    parser.add_argument("--directory", type=Path, default=Path(".ddms/demo"), help="the demo's folder (.ddms/demo)")
    arguments = parser.parse_args()
    try:
        url = json.loads((arguments.directory / "addresses.json").read_text())["api"]
        token = (arguments.directory / "token").read_text()
    except OSError:
        sys.exit(f"there is no demo in {arguments.directory}: start it with `ddms demo`")
    data = ask(url, token, _FIND.format(name=json.dumps(arguments.device)))
    if data is None or data["device"] is None:
        sys.exit(f"{url} does not answer" if data is None else f"there is no device {arguments.device!r}")
    try:
        asyncio.run(follow(url, token, data["device"]))
    except KeyboardInterrupt:
        sys.exit(0)


async def follow(url: str, token: str, device: dict[str, Any]) -> None:
    """Subscribe to a device and print its values as they change."""
    points = {point["id"]: point for point in device["points"]}
    shown: dict[str, str] = {}
    async with connect(url.replace("http", "ws", 1), subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:
        await _send(socket, {"type": "connection_init", "payload": {"token": token}})
        payload = {"query": _FOLLOW, "variables": {"devices": [device["id"]]}}
        async for text in socket:
            message = json.loads(text)
            match message["type"]:
                case "connection_ack":
                    await _send(socket, {"type": "subscribe", "id": "1", "payload": payload})
                case "ping":
                    await _send(socket, {"type": "pong"})
                case "next":
                    _print(message["payload"]["data"]["readings"]["readings"], points, shown)
                case _:
                    sys.exit(text if isinstance(text, str) else None)


async def _send(socket: ClientConnection, message: dict[str, Any]) -> None:
    await socket.send(json.dumps(message))


def _print(readings: list[dict[str, Any]], points: dict[str, dict[str, Any]], shown: dict[str, str]) -> None:
    for reading in readings:
        point = points.get(reading["pointId"], {"name": reading["pointId"], "unit": ""})
        text = _text(reading, point["unit"])
        if shown.get(reading["pointId"]) != text:
            print(f"{reading['time'][11:23]}  {point['name']:<24} {text}", flush=True)
        shown[reading["pointId"]] = text


def _text(reading: dict[str, Any], unit: str) -> str:
    if reading["quality"] == "BAD":
        return f"- ({reading['reason'].lower()})"
    if reading["value"] is None:
        return str(reading["text"])
    return f"{reading['value']:.6g} {unit}".rstrip()


if __name__ == "__main__":
    main()
