"""The plant's Modbus TCP servers; the only module of the demo that knows pymodbus.

The registers are made when they are asked for, and the faults need a hand on the connection, so the server has a
context and a request handler of our own in place of pymodbus's tables of fixed values.
"""

import asyncio
from typing import Any

from pymodbus.constants import ExcCodes
from pymodbus.exceptions import NoSuchIdException
from pymodbus.pdu import ModbusPDU
from pymodbus.server import ModbusTcpServer
from pymodbus.server.requesthandler import ServerRequestHandler
from pymodbus.simulator import SimData, SimDevice

from ddms.registers import MODBUS_TABLES, RegisterTable
from demo.inventory import PlantDevice, Spell
from demo.model import Plant

_TABLES = {table.function: table for table in MODBUS_TABLES}


class Units:
    """What pymodbus asks for the values: the devices behind one gateway."""

    def __init__(self, plant: Plant, devices: tuple[PlantDevice, ...]) -> None:
        self._plant = plant
        self.devices = {device.unit_id: device for device in devices}

    def device_ids(self) -> list[int]:
        """Return the unit ids that answer."""
        return list(self.devices)

    async def async_getValues(  # noqa: N802 - pymodbus's name
        self, unit_id: int, function: int, address: int, count: int = 1
    ) -> list[int] | list[bool] | ExcCodes:
        """Return registers or bits; an unmapped one between mapped ones is 0, one outside them an exception."""
        if unit_id not in self.devices:
            raise NoSuchIdException
        if function not in _TABLES:
            return ExcCodes.ILLEGAL_FUNCTION  # the demo's plant is watched, not steered
        device = self.devices[unit_id]
        await asyncio.sleep(device.faults.slow)
        table = _TABLES[function]
        words = self._plant.registers(device.name)[table]
        wanted = range(address, address + count)
        if not words or wanted[0] < min(words) or wanted[-1] > max(words) or self._refuses(device, table, wanted):
            return ExcCodes.ILLEGAL_ADDRESS
        values = [words.get(a, 0) for a in wanted]
        return [bool(value) for value in values] if table.is_bits else values

    @staticmethod
    def _refuses(device: PlantDevice, table: RegisterTable, wanted: range) -> bool:
        return any(
            point.register.table is table and point.register.address < wanted.stop and wanted.start < point.register.end
            for point in device.points
            if point.key in device.faults.refuses
        )

    async def async_setValues(self, *_: Any) -> ExcCodes:  # noqa: N802 - pymodbus's name
        """Refuse to write."""
        return ExcCodes.ILLEGAL_FUNCTION

    def on(self, spell: Spell | None) -> bool:
        """Whether a fault is there now."""
        return spell is not None and spell.since(self._plant.now, self._plant.begun) is not None


class Handler(ServerRequestHandler):
    """One connection; a faulty unit's answer is not sent, or the connection ends instead."""

    def server_send(self, pdu: ModbusPDU, addr: Any) -> None:
        """Send the answer, unless the unit has a fault."""
        units: Units = self.server.context
        device = units.devices.get(pdu.dev_id)
        if device and units.on(device.faults.closes):
            self.close()
        elif not (device and units.on(device.faults.silent)):
            super().server_send(pdu, addr)  # type: ignore[no-untyped-call]


class Server(ModbusTcpServer):
    """A gateway: a port, and units behind it."""

    def __init__(self, units: Units, host: str, port: int) -> None:
        nothing = SimDevice(1, SimData(0))  # pymodbus insists on a table; ours takes its place at once
        super().__init__(nothing, address=(host, port))
        self.context: Any = units

    def callback_new_connection(self) -> Handler:
        """Make the handler of a new connection."""
        return Handler(self, self.trace_packet, self.trace_pdu, self.trace_connect)  # type: ignore[no-untyped-call]

    @property
    def port(self) -> int:
        """The port it listens on."""
        server: Any = self.transport
        return int(server.sockets[0].getsockname()[1])


async def listen(plant: Plant, gateway: str, host: str, port: int) -> Server:
    """Open a gateway's port, or another one when it is taken (0 asks for any)."""
    units = Units(plant, plant.inventory.behind(gateway))
    for wanted in (port, 0):
        server = Server(units, host, wanted)
        if await server.listen():
            return server
    raise OSError(f"no port can be opened on {host}")
