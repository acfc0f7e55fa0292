"""Points and units as the collector polls them, and a connection task that polls them, with what it tells."""

import asyncio
from contextlib import asynccontextmanager

from collector.polling.clock import Clock
from collector.polling.poller import ConnectionTask
from collector.polling.units import DeviceCondition
from collector.storing.decode import Answer, PointArrays, decode
from ddms.endpoints import Endpoint, Transport
from ddms.lines import ConnectionConfiguration, LineSettings, Unit
from ddms.plan import PolledPoint, RequestLimits
from ddms.registers import DataType, Register, RegisterTable


def point(point_id: int, address: int, data_type=DataType.UINT16, table=RegisterTable.HOLDING, **more) -> PolledPoint:
    where = {name: more.pop(name, None) for name in ("bit", "length")}
    register = Register(table=table, address=address, data_type=data_type, **where)
    return PolledPoint(id=point_id, key=f"p{point_id}", register=register, **more)


def unit(number: int, *points, **more) -> Unit:
    return Unit(device_id=number, name=f"unit {number}", unit_id=number, limits=RequestLimits(), points=points, **more)


class Notebook:
    """Writes down what a connection task tells, decoded."""

    def __init__(self):
        self.arrays = PointArrays()
        self.answers: list[Answer] = []
        self.states: list[DeviceCondition] = []
        self.seen_devices: list[int] = []

    def place(self, points, interval_s):
        return self.arrays.place(points, interval_s)

    def answer(self, *answer):
        self.answers.append(answer)

    def seen(self, device_id):
        self.seen_devices.append(device_id)

    def state(self, state):
        self.states.append(state)

    def pace(self, paces):
        self.paces = paces

    def values(self, point_id):
        readings = decode(self.answers, self.arrays).readings
        return [(float(r["value"]), int(r["quality"])) for r in readings if r["point_id"] == point_id]

    def state_of(self, device_id):
        return next((s for s in reversed(self.states) if s.device_id == device_id), None)


def configuration(port: int, *units: Unit, transport: Transport = Transport.TCP, **line) -> ConnectionConfiguration:
    settings = LineSettings(endpoint=Endpoint(transport, "127.0.0.1", port), **{"timeout": 0.3} | line)
    return ConnectionConfiguration(id=1, line=settings, units=units)


@asynccontextmanager
async def polling(config: ConnectionConfiguration, *, retry_seconds: float = 60.0):
    notebook = Notebook()
    task = ConnectionTask(config, notebook, Clock(), retry_seconds=retry_seconds)
    running = asyncio.create_task(task.run())
    try:
        yield task, notebook
    finally:
        running.cancel()
        await asyncio.wait([running])
        await asyncio.sleep(0.05)  # aborted transports close in the loop's next turn


async def until(condition, seconds: float = 60):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)
