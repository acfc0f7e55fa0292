"""The plan: neighbours together, gaps up to a limit, riders for free, and bisection."""

import random

import pytest

from ddms.plan import RequestLimits, plan, split
from ddms.registers import DataType, RegisterTable
from tests.support.polled import point


def requests(points, **limits):
    return [
        (p.interval_s, b.table.value, b.address, b.count)
        for p in plan(points, RequestLimits(**limits))
        for b in p.blocks
    ]


def test_neighbours_become_one_request():
    points = [point(1, 100, DataType.FLOAT32), point(2, 102), point(3, 103, DataType.UINT64)]
    assert requests(points) == [(10, "holding", 100, 7)]


def test_a_gap_is_filled_up_to_its_limit():
    points = [point(1, 0), point(2, 17)]
    assert requests(points, max_gap=16) == [(10, "holding", 0, 18)]
    assert requests(points, max_gap=15) == [(10, "holding", 0, 1), (10, "holding", 17, 1)]


def test_a_request_has_at_most_the_words_that_the_device_takes():
    points = [point(i, i) for i in range(300)]
    assert requests(points) == [(10, "holding", 0, 125), (10, "holding", 125, 125), (10, "holding", 250, 50)]
    assert len(requests(points, max_words=1)) == 300


def test_a_wide_value_is_never_torn_over_two_requests():
    points = [point(i, 4 * i, DataType.FLOAT64) for i in range(40)]
    assert requests(points) == [(10, "holding", 0, 124), (10, "holding", 124, 36)]


def test_coils_have_limits_of_their_own():
    points = [point(i, i, DataType.BOOL, RegisterTable.COIL) for i in range(2500)]
    assert requests(points) == [(10, "coil", 0, 2000), (10, "coil", 2000, 500)]


def test_tables_are_read_apart():
    points = [point(1, 0), point(2, 1, table=RegisterTable.INPUT)]
    assert len(requests(points)) == 2


def test_a_slow_point_inside_a_fast_block_rides_along_and_the_rest_stays_slow():
    fast = [point(1, 10, interval_s=1), point(2, 14, interval_s=1)]
    slow = [point(3, 12, interval_s=60), *[point(100 + i, 500 + i, interval_s=60) for i in range(50)]]
    assert requests(fast + slow) == [(1, "holding", 10, 5), (60, "holding", 500, 50)]
    (quick, _) = plan(fast + slow, RequestLimits())
    assert [p.id for p in quick.blocks[0].points] == [1, 3, 2]


def test_the_request_that_holds_a_factor_of_another_one_comes_first():
    points = [
        point(1, 0, interval_s=3600, scale_by="10 ** f", inputs=(2,)), point(2, 50, interval_s=3600), point(3, 100, interval_s=3600)
    ]  # fmt: skip
    assert [address for _, _, address, _ in requests(points)] == [50, 0, 100]


def test_bits_of_one_word_are_one_register():
    points = [point(i, 7, DataType.BIT, bit=i) for i in range(16)]
    ((_, _, address, count),) = requests(points)
    assert (address, count) == (7, 1)
    assert plan(points, RequestLimits())[0].blocks[0].wanted == 1


def test_every_point_is_in_exactly_one_block_whatever_the_map():
    rng = random.Random(7)
    for _ in range(200):
        kinds = [DataType.UINT16, DataType.FLOAT32, DataType.FLOAT64, DataType.INT8_LOW]
        points = [
            point(i, rng.randrange(600), rng.choice(kinds), rng.choice([RegisterTable.INPUT, RegisterTable.HOLDING]), interval_s=rng.choice([1, 5, 10]))
            for i in range(rng.randrange(1, 80))
        ]  # fmt: skip
        limits = RequestLimits(max_words=rng.choice([4, 10, 125]), max_gap=rng.randrange(20))
        blocks = [b for p in plan(points, limits) for b in p.blocks]
        assert sorted(p.id for b in blocks for p in b.points) == sorted(p.id for p in points)
        assert all(b.count <= limits.max_words for b in blocks)
        assert all(
            b.address <= p.register.address and p.register.end <= b.address + b.count for b in blocks for p in b.points
        )
        polls = plan(points, limits)
        assert all(poll.interval_s <= p.interval_s for poll in polls for b in poll.blocks for p in b.points)


def test_splitting_finds_every_single_register():
    (poll,) = plan([point(i, 2 * i, DataType.FLOAT32) for i in range(20)], RequestLimits())
    waiting, leaves = list(poll.blocks), []
    while waiting:
        block = waiting.pop()
        parts = split(block)
        if parts is None:
            leaves.append(block)
        else:
            assert abs(parts[0].count - parts[1].count) <= 2
            waiting += parts
    assert sorted(b.points[0].id for b in leaves) == list(range(20))


@pytest.mark.parametrize(
    "points", [[point(1, 5)], [point(1, 5, DataType.BIT, bit=1), point(2, 5, DataType.BIT, bit=2)]]
)
def test_what_shares_a_register_is_not_split(points):
    (poll,) = plan(points, RequestLimits())
    assert split(poll.blocks[0]) is None
