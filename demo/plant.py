"""The simulated plant as a program: `python -m demo.plant` serves it and prints its ports as one line of JSON."""

import argparse
import asyncio
import json
import logging
import math
import signal
import time

from demo import inventory
from demo.gateway import listen
from demo.model import TICK, Plant


async def serve(
    host: str,
    ports: dict[str, int],
    stop: asyncio.Event,
    *,
    table: inventory.Inventory | None = None,
    begun: float | None = None,
) -> None:
    """Serve the plant until `stop`; the first line on standard output says where. `begun`: from when on its faults count."""
    plant = Plant(time.time(), table=table)
    plant.begun = begun or plant.begun
    servers = {key: await listen(plant, key, host, port) for key, port in ports.items()}
    print(json.dumps({key: server.port for key, server in servers.items()}), flush=True)
    try:
        while not stop.is_set():
            plant.advance(time.time())
            await asyncio.sleep(TICK - math.fmod(time.time(), TICK))
    finally:
        for server in servers.values():
            server.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m demo.plant", description="Serve the simulated plant.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument(
        "--ports", type=json.loads, default={}, metavar="JSON", help='other ports, as {"pumps": 5020}; 0 takes any'
    )
    return parser.parse_args()


async def _main(host: str, ports: dict[str, int]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await serve(host, ports, stop)


def main() -> None:
    """Run the plant."""
    arguments = _arguments()
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # it tells of every request to an unknown unit
    ports = {gateway.key: gateway.port for gateway in inventory.read().gateways} | arguments.ports
    asyncio.run(_main(arguments.host, ports))


if __name__ == "__main__":
    main()
