"""Brings the plant's devices into an installation: `python -m demo.installed --host plant`, as the profile demo of compose.yaml does."""

import argparse
import asyncio

from ddms.database import check_schema, connect
from ddms.settings import Settings
from demo import inventory, loading


async def _load(host: str) -> bool:
    connection = await connect(Settings.read(), "demo")
    try:
        await check_schema(connection)
        return await loading.load_once(connection, inventory.read(), host)
    finally:
        await connection.close()


def main() -> None:
    """Insert the devices, unless the installation has some: a real plant gets no simulated one beside it."""
    parser = argparse.ArgumentParser(prog="python -m demo.installed", description="Add the simulated plant's devices.")
    parser.add_argument("--host", required=True, help="name of the host on which `python -m demo.plant` runs")
    done = asyncio.run(_load(parser.parse_args().host))
    print("The devices of the simulated plant were added." if done else "There are devices: none were added.")


if __name__ == "__main__":
    main()
