"""Follow a device: its last hour, then each reading as it comes, with types that ariadne-codegen made of the schema.

pip install "ariadne-codegen[subscriptions]" && ariadne-codegen  # in this folder; or `make examples`
URL=http://127.0.0.1:8000 TOKEN=ddms_… python follow.py "Pump 1"
"""

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

from ddms_client import Client, LiveReadings
from websockets import ConnectionClosed

LOG_IN_AGAIN = {4401, 4403}


def client(url: str, token: str) -> Client:
    """Return what speaks HTTP for queries and a websocket for subscriptions."""
    bearer = {"Authorization": f"Bearer {token}"}
    return Client(
        url=f"{url}/graphql",
        headers=bearer,
        ws_url=f"{url.replace('http', 'ws', 1)}/graphql",
        ws_connection_init_payload=bearer,
    )


async def live(ddms: Client, device: str) -> AsyncGenerator[LiveReadings, None]:
    """Give each event of a device for ever; after a broken connection, first what was missed."""
    seen = None
    while True:
        try:
            async with aclosing(ddms.live(device, resume_from=seen)) as events:
                async for event in events:
                    seen = event.readings.resume_token
                    yield event.readings
        except ConnectionClosed as closed:
            if closed.rcvd and closed.rcvd.code in LOG_IN_AGAIN:
                raise
        except OSError as away:
            print(f"no connection ({away}), again in 2 s", file=sys.stderr)
        await asyncio.sleep(2)


async def follow(ddms: Client, name: str, many: float) -> None:
    """Print what is known of a device and what comes."""
    device = (await ddms.find_device(name)).device
    if device is None:
        sys.exit(f"there is no device {name!r}")
    print(f"{name} is {device.status.state.value} since {device.status.since}")
    points = {point.id: point for point in device.points}
    history = await ddms.last_hour(list(points), datetime.now(UTC) - timedelta(hours=1))
    for series in history.series:
        values = [value for value in series.columns.value if value is not None]
        if values:
            print(f"{points[series.point.id].name}: {min(values):g} to {max(values):g} in the last hour")
    async with aclosing(live(ddms, device.id)) as events:
        async for event in events:
            print(event.kind.value, event.reason.value if event.reason else "")
            columns = event.columns
            for id_, value, text in zip(columns.point_id, columns.value, columns.text, strict=True):
                shown = text if value is None else f"{value:g}"
                print(f"{points[id_].name}: {shown or 'no value'} {points[id_].unit}")
            many -= 1
            if many <= 0:
                return


async def main() -> None:
    """Follow the device that is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("device", help="its name, as in `Pump 1`")
    parser.add_argument("--events", type=int, default=float("inf"), help="end after so many")
    asked = parser.parse_args()
    async with client(os.environ.get("URL", "http://127.0.0.1:8000"), os.environ["TOKEN"]) as ddms:
        await follow(ddms, asked.device, asked.events)


if __name__ == "__main__":
    asyncio.run(main())
