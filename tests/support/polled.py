"""Points and units as the collector polls them."""

from ddms.lines import Unit
from ddms.plan import PolledPoint, RequestLimits
from ddms.registers import DataType, Register, RegisterTable


def point(point_id: int, address: int, data_type=DataType.UINT16, table=RegisterTable.HOLDING, **more) -> PolledPoint:
    where = {name: more.pop(name, None) for name in ("bit", "length")}
    register = Register(table=table, address=address, data_type=data_type, **where)
    return PolledPoint(id=point_id, key=f"p{point_id}", register=register, **more)


def unit(number: int, *points) -> Unit:
    return Unit(device_id=number, name=f"unit {number}", unit_id=number, limits=RequestLimits(), points=points)
