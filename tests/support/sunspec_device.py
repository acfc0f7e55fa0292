"""SunSpec devices that we did not write: models filled by pysunspec2, served by pyModbusTCP, read back by pysunspec2's client."""

import math
import random
import struct
from contextlib import contextmanager

from sunspec2 import device
from sunspec2.modbus.client import SunSpecModbusClientDeviceTCP

from tests.support.devices import foreign_server

MARK = [0x5375, 0x6E53]
END = [0xFFFF, 0]
_REPEATED = {
    160: {"module": [{}, {}, {}]}, 302: {"repeating": [{}]}, 303: {"temp": [{}, {}]}, 304: {"incl": [{}]}, 401: {"string": [{}, {}]},
    714: {"NPrt": 2, "Prt": [{}, {}]}, 803: {"NStr": 2, "string": [{}, {}]}, 804: {"NMod": 3, "lithium_ion_string_module": [{}] * 3},
    805: {"lithium-ion-module-cell": [{}, {}]}, 807: {"module": [{}]}, 711: {"NCtl": 2, "Ctl": [{}, {}]},
    705: {"NPt": 4, "NCrv": 2, "Crv": [{"Pt": [{}] * 4}] * 2}, 707: {"NPt": 2, "NCrvSet": 1, "Crv": [{"MustTrip": {"Pt": [{}] * 2}, "MayTrip": {"Pt": [{}] * 2}, "MomCess": {"Pt": [{}] * 2}}]},
}  # fmt: skip


def common(manufacturer="Acme", model="PV 10", serial="4711"):
    """The common model of 66 registers."""
    made = device.Model(1)
    for name, text in {"Mn": manufacturer, "Md": model, "SN": serial, "Vr": "1.2.3"}.items():
        made.points[name].value = text
    return made.get_mb()


def filled(model_id, dice, absent=0.15):
    """A model with a value of its type in each point; some are not implemented."""
    made = device.Model(model_id, data=_REPEATED.get(model_id))
    _fill(made, dice, absent)
    return made.get_mb()


def _fill(group, dice, absent):
    for name, point in group.points.items():
        kind = point.pdef["type"]
        if (name in {"ID", "L"} and group.gname == group.model.gname) or name in {"NPt", "NCrv", "NCrvSet", "NCtl", "NPrt", "NStr", "NMod"}:  # fmt: skip
            continue
        if kind in {"pad", "eui48", "ipaddr", "ipv6addr"} or (kind != "sunssf" and dice.random() < absent):
            continue
        point.value = _value(kind, point, dice)
    for groups in group.groups.values():
        for inner in groups if isinstance(groups, list) else [groups]:
            _fill(inner, dice, absent)


def _value(kind, point, dice):
    if kind == "sunssf":
        return dice.randint(-4, 3)
    if kind == "string":
        return "".join(dice.choices("abcXYZ 019-_", k=dice.randint(1, point.len * 2))).strip() or "x"
    if kind.startswith("float"):
        return struct.unpack(">f", struct.pack(">f", dice.uniform(-1e5, 1e5)))[0]
    if kind.startswith("enum"):
        return dice.choice([symbol["value"] for symbol in point.pdef.get("symbols", [])] or [3])
    bits = min(16 * point.len, 53)  # what a value holds with all its digits
    low, high = (-(1 << bits - 1) + 1, (1 << bits - 1) - 1) if kind.startswith("int") else (1, (1 << bits) - 2)
    return dice.choice([low, high, dice.randint(low, high), dice.randint(1, 5000)])


def registers(*models):
    """The map of a device with these models."""
    data = b"".join(models)
    return MARK + list(struct.unpack(f">{len(data) // 2}H", data)) + END


def of(*ids, seed=1, absent=0.15):
    """The map of a device with a common model and these, filled at random."""
    dice = random.Random(seed)
    return registers(common(), *(filled(one, dice, absent) for one in ids))


@contextmanager
def sunspec_server(words, base=40_000):
    """Serve a map; give the port."""
    with foreign_server() as (port, bank):
        for start in range(0, len(words), 100):
            bank.set_holding_registers(base + start, words[start : start + 100])
        yield port


def as_pysunspec2_reads(port):
    """What pysunspec2's client reads: (number of the model, path, name) and the value that is scaled."""
    client = SunSpecModbusClientDeviceTCP(slave_id=1, ipaddr="127.0.0.1", ipport=port, timeout=10)
    client.scan()
    found = {}
    for model in client.model_list:
        _flatten(model, (), found)
    client.close()
    return found


def _flatten(group, path, found):
    for name, point in group.points.items():
        found[f"{group.model.model_id} {'.'.join([*path, name])}"] = point.cvalue
    for name, groups in group.groups.items():
        for number, inner in enumerate(groups if isinstance(groups, list) else [groups], 1):
            _flatten(inner, (*path, str(number) if isinstance(groups, list) else name), found)


def same(ours, theirs):
    """Whether a value is theirs; of a float32 we show the shortest number, they all digits of its float64."""
    if ours is None or theirs is None or isinstance(ours, str):
        return ours == theirs
    return math.isclose(ours, theirs, rel_tol=1e-12) or struct.pack(">f", ours) == struct.pack(">f", theirs)
