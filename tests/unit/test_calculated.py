"""Points that are calculated of others, and points that registers scale: decoded, judged and stored with them."""

import struct

import numpy as np
import pytest

from collector.storing.decode import MICROSECONDS, PointArrays, decode
from ddms import lines
from ddms.plan import PolledPoint, RequestLimits, plan
from ddms.quality import Reason
from ddms.registers import DataType, Register, RegisterTable
from tests.support.polled import point

BAD, STALE, ZERO = Reason.INPUT_BAD, Reason.INPUT_STALE, Reason.DIVISION_BY_ZERO


def calculated(point_id: int, expression: str, *inputs: PolledPoint, **more) -> PolledPoint:
    register = Register(table=RegisterTable.CALCULATED, address=0, data_type=DataType.FLOAT64)
    links = {"inputs": tuple(one.id for one in inputs), "input_intervals": tuple(one.interval_s for one in inputs)}
    more = {"interval_s": 1} | links | more
    return PolledPoint(id=point_id, key=f"p{point_id}", register=register, expression=expression, **more)


def scaled(point_id: int, address: int, by: str, *inputs: PolledPoint, **more) -> PolledPoint:
    links = {"inputs": tuple(one.id for one in inputs), "input_intervals": tuple(one.interval_s for one in inputs)}
    return word(point_id, address, scale_by=by, **links, **more)


class Plant:
    """Units that are polled each second, as the collector has them from second 0 on; each answers its registers, or a reason."""

    def __init__(self, *units: tuple[PolledPoint, ...], calculates: list[PolledPoint]):
        self.arrays = PointArrays()
        self.blocks = [[block for poll in plan(unit, RequestLimits()) for block in poll.blocks] for unit in units]
        self.arrays.calculate(calculates, 0)
        for block in (block for blocks in self.blocks for block in blocks):
            block.slots = self.arrays.place(block.points, block.points[0].interval_s)

    def read(self, second: float, **answers):
        """Decode one flush, `u0b1=[...]` is block 1 of unit 0; return value or reason of each point, by id."""
        told = []
        for place, answer in answers.items():
            unit, block = (int(part) for part in place[1:].split("b"))
            data = None if isinstance(answer, Reason) else struct.pack(f">{len(answer)}h", *answer)
            time = int(second * MICROSECONDS) + unit * 10 + block
            told.append((self.blocks[unit][block], time, data, answer if data is None else Reason.GOOD))
        readings = decode(told, self.arrays).readings
        return {int(r["point_id"]): Reason(r["quality"]) if r["quality"] else float(r["value"]) for r in readings}


def word(point_id: int, address: int, **more) -> PolledPoint:
    return point(point_id, address, DataType.INT16, **{"interval_s": 1} | more)


def test_a_calculated_point_comes_with_its_inputs_and_is_as_good_as_they_are():
    u, i = word(1, 0), word(2, 1, valid_max=100)
    power = calculated(3, "u * i / 10", u, i, valid_max=5000.0)
    ratio = calculated(4, "p / i", power, i)  # of a calculated one
    plant = Plant((u, i), calculates=[ratio, power])
    assert plant.read(1, u0b0=[230, 3]) == {1: 230, 2: 3, 3: 69, 4: 23}
    assert plant.read(2, u0b0=[230, 0]) == {1: 230, 2: 0, 3: 0, 4: ZERO}
    assert plant.read(3, u0b0=[230, 101]) == {1: 230, 2: Reason.OUT_OF_RANGE, 3: BAD, 4: BAD}
    assert plant.read(4, u0b0=[600, 100]) == {1: 600, 2: 100, 3: Reason.OUT_OF_RANGE, 4: BAD}
    assert plant.read(5, u0b0=Reason.TIMEOUT) == {1: Reason.TIMEOUT, 2: Reason.TIMEOUT, 3: BAD, 4: BAD}
    assert plant.read(6, u0b0=[1, 3])[3] == 0.3, "and not 0.30000000000000004"


def test_it_is_of_one_moment_though_its_inputs_come_in_two_requests():
    u, i = word(1, 0), word(2, 100)
    plant = Plant((u, i), calculates=[calculated(3, "u * i", u, i)])
    assert plant.read(1, u0b0=[2]) == {1: 2}, "the other one is waited for"
    assert plant.read(1.1, u0b1=[10]) == {2: 10, 3: 20}
    assert plant.read(2, u0b0=[3]) == {1: 3}
    assert plant.read(2.1, u0b1=[20]) == {2: 20, 3: 60}
    assert plant.read(3, u0b0=[4]) == {1: 4}
    assert plant.read(4, u0b0=[5]) == {1: 5, 3: 100}, "but not for long"
    assert plant.read(5, u0b0=[6]) == {1: 6, 3: 120}, "and once only"
    assert plant.read(6, u0b0=[6], u0b1=Reason.TIMEOUT) == {1: 6, 2: Reason.TIMEOUT, 3: BAD}
    assert plant.read(7, u0b0=[6]) == {1: 6, 3: BAD}, "what is bad is not waited for"


def test_slower_inputs_are_not_waited_for_and_faster_ones_do_not_hurry_it():
    fast, slow = word(1, 0), word(2, 100, interval_s=60)
    plant = Plant(
        (fast, slow), calculates=[calculated(3, "a + b", fast, slow), calculated(4, "2 * a", fast, interval_s=5)]
    )
    assert plant.read(0.5, u0b0=[1], u0b1=[10]) == {1: 1, 2: 10, 3: 11}
    assert [plant.read(second, u0b0=[second]).get(3) for second in range(2, 7)] == [12, 13, 14, 15, 16]
    found = [plant.read(second, u0b0=[second]).get(4) for second in range(10, 31)]
    assert [place for place, value in enumerate(found) if value is not None] == [0, 5, 10, 15, 20]


def test_an_input_that_is_no_longer_read_makes_it_bad_and_a_start_does_not():
    here, there = word(1, 0), word(2, 0)
    total = calculated(3, 'a + "Unit 2".b', here, there)
    plant = Plant((here,), (there,), calculates=[total])
    assert plant.read(0.2, u0b0=[1]) == {1: 1}
    assert plant.read(0.4, u1b0=[10]) == {2: 10}
    assert plant.read(1, u0b0=[1], u1b0=[10])[3] == 11
    found = [plant.read(second, u0b0=[second]).get(3) for second in range(2, 12)]
    assert found == [None, 13, 14, 15, 16, 17, 18, 19, STALE, STALE], "it is believed for 3 intervals and 5 s"
    assert plant.read(20, u0b0=[1], u1b0=[10])[3] == 11
    lonely = Plant((here,), calculates=[calculated(3, "a + gone", here, inputs=(1, 0), input_intervals=(1, 0))])
    assert [lonely.read(second, u0b0=[1]).get(3) for second in (1, 2, 3, 4)].count(STALE) >= 2


def test_a_device_of_the_same_profile_has_its_own_values():
    units = [(word(10 * n, 0), word(10 * n + 1, 1)) for n in range(1, 6)]
    plant = Plant(*units, calculates=[calculated(10 * n + 2, "a - b", *unit) for n, unit in enumerate(units, 1)])
    found = plant.read(1, **{f"u{n}b0": Reason.TIMEOUT if n == 3 else [n, 10] for n in range(5)})
    assert [found[10 * n + 2] for n in range(1, 6)] == [-10, -9, -8, BAD, -6]


def test_it_is_stored_by_its_own_deadband_and_goes_on_when_it_is_changed():
    a = word(1, 0)
    plant = Plant((a,), calculates=[calculated(2, "a", a, deadband=5.0, heartbeat_s=600)])

    def stored(second, value):
        told = [(plant.blocks[0][0], second * MICROSECONDS, struct.pack(">h", value), 0)]
        readings = decode(told, plant.arrays).readings
        return readings[readings["point_id"] == 2]["stored"].tolist()

    assert [stored(1, 10), stored(2, 14), stored(3, 16)] == [[True], [False], [True]]
    plant.arrays.calculate([calculated(2, "2 * a", a)], 3 * MICROSECONDS)
    assert plant.read(4, u0b0=[7])[2] == 14
    plant.arrays.calculate([], 0)
    assert plant.read(5, u0b0=[7]) == {1: 7}


def test_a_circle_that_should_not_be_there_computes_nothing_and_stops_nothing():
    a = word(1, 0)
    x, y = (calculated(n, "a + b", a, inputs=(1, other), input_intervals=(1, 1)) for n, other in ((2, 3), (3, 2)))
    assert Plant((a,), calculates=[x, y, calculated(4, "a", a)]).read(1, u0b0=[5]) == {1: 5, 4: 5}


def test_what_was_known_before_the_start_serves_and_what_another_collector_reads_wakes():
    here, there = word(1, 0), word(2, 0)
    plant = Plant((here,), calculates=[calculated(3, "a + b", here, there)])
    cells = plant.arrays.cells
    assert sorted(cells.unknown()) == [1, 2]
    cells.remember(2, -MICROSECONDS, 40.0, 0)
    assert plant.read(1, u0b0=[1]) == {1: 1}
    assert plant.read(2, u0b0=[2]) == {1: 2, 3: 42}
    cells.hear(2, int(2.9 * MICROSECONDS), 50.0, 0)
    assert plant.read(3, u0b0=[3]) == {1: 3, 3: 53}
    cells.hear(2, int(3.9 * MICROSECONDS), np.nan, Reason.TIMEOUT)
    assert plant.read(4, u0b0=[3])[3] is BAD


@pytest.mark.parametrize("text", ["a ^ b", "a + b + c"])
def test_what_a_collector_cannot_read_is_bad_and_stops_nothing(text):
    a = word(1, 0)
    found = {"id": 2, "inputs": [1], "input_intervals": [1]}
    made = lines.point(lines.row_of(calculated(2, "a", a)) | found | {"expression": text})
    by = lines.point(lines.row_of(scaled(3, 1, "a")) | found | {"id": 3, "scale_by": text})
    plant = Plant((a, by, word(4, 2)), calculates=[made, calculated(5, "a", a)])
    plant.arrays.calculated.wake()
    assert plant.read(1, u0b0=[5, 6, 7]) == {1: 5, 3: STALE, 4: 7, 2: STALE, 5: 5}


# -- scaled by a register


@pytest.mark.parametrize(
    ("by", "register", "raw", "expected"),
    [
        ("10 ** sf", -1, 2301, 230.1), ("10 ** sf", -2, 2301, 23.01), ("10 ** sf", 3, 7, 7000), ("1 / sf", 3, 9, 3), ("sf", 60, 5, 300),
        ("if(sf == 1, 0.1, 1)", 1, 3, 0.3), ("10 ** sf", -32768, 2301, BAD), ("sf", 0, 5, BAD), ("1 / sf", 0, 5, ZERO), ("10 ** sf", 400, 5, Reason.OVERFLOW),
    ],
)  # fmt: skip
def test_a_register_scales_a_value_of_the_same_request(by, register, raw, expected):
    sf = word(2, 1)
    plant = Plant((scaled(1, 0, by, sf), sf), calculates=[])
    assert plant.read(1, u0b0=[raw, register])[1] == expected


def test_a_factor_that_is_not_implemented_spoils_what_it_scales_and_nothing_else():
    sf = word(2, 1, sentinels=(-32768.0,))
    watts = scaled(1, 0, "10 ** sf", sf, valid_max=1000.0, sentinels=(32767.0,), offset=0.5)
    plant = Plant((watts, sf, word(3, 2)), calculates=[calculated(4, "w * 2", watts)])
    assert plant.read(1, u0b0=[5, -32768, 1]) == {1: BAD, 2: Reason.SENTINEL, 3: 1, 4: BAD}
    assert plant.read(2, u0b0=[5, -1, 1]) == {1: 1.0, 2: -1, 3: 1, 4: 2.0}
    assert plant.read(3, u0b0=[5, 2, 1])[1] == 500.5, "a factor that changes counts at once"
    assert plant.read(4, u0b0=[5, 3, 1])[1] is Reason.OUT_OF_RANGE
    assert plant.read(5, u0b0=[32767, 1, 1])[1] is Reason.SENTINEL
    assert plant.read(6, u0b0=Reason.TIMEOUT)[1] is Reason.TIMEOUT


def test_a_factor_is_read_with_what_it_scales_however_rarely_it_is_wanted_itself():
    sf = word(2, 5, interval_s=600)
    (poll,) = plan((scaled(1, 0, "10 ** sf", sf, interval_s=1), sf), RequestLimits())
    assert (poll.interval_s, [(block.address, block.count) for block in poll.blocks]) == (1, [(0, 6)])


def test_a_factor_from_another_request_serves_until_it_is_too_old():
    sf = word(2, 500)
    plant = Plant((scaled(1, 0, "10 ** sf", sf, interval_s=1), sf), calculates=[])
    assert plant.read(1, u0b1=[5]) == {1: STALE}  # the factor's request goes first
    plant.read(2, u0b0=[1])
    assert plant.read(3, u0b1=[5]) == {1: 50}
    assert plant.read(11, u0b1=[5]) == {1: STALE}
