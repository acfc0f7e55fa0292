"""What polling costs a line: measured times where there are some, characters on a serial line, and the sums."""

from dataclasses import replace

import pytest

from ddms import load
from ddms.endpoints import Endpoint
from ddms.lines import ConnectionConfiguration, LineSettings, Unit
from ddms.load import ASSUMED_SECONDS, Overrun
from ddms.plan import RequestLimits
from tests.support.polled import point


def line(*units: Unit, endpoint: str = "tcp://10.0.0.1", **settings) -> ConnectionConfiguration:
    return ConnectionConfiguration(id=1, line=LineSettings(endpoint=Endpoint.parse(endpoint), **settings), units=units)


def unit(number: int, *points) -> Unit:
    return Unit(device_id=number, name=f"unit {number}", unit_id=number, limits=RequestLimits(), points=points)


FAST_AND_SLOW = unit(1, point(1, 0, interval_s=1), point(2, 1, interval_s=1), point(3, 500, interval_s=10))


def test_an_answer_that_was_never_measured_takes_twenty_milliseconds():
    (fast, slow) = load.requests(line(FAST_AND_SLOW), {})
    assert [(r.interval_s, r.seconds, r.measured) for r in (fast, slow)] == [
        (1, ASSUMED_SECONDS, False),
        (10, ASSUMED_SECONDS, False),
    ]


def test_a_measured_unit_is_the_best_guess_for_its_neighbour():
    planned = load.requests(line(FAST_AND_SLOW, unit(2, point(4, 0))), {1: 0.3})
    assert [(r.device_id, r.seconds, r.measured) for r in planned] == [(1, 0.3, True), (1, 0.3, True), (2, 0.3, False)]


def test_on_a_serial_line_the_characters_cost_what_they_take():
    serial = line(unit(1, *(point(i, i) for i in range(100))), endpoint="serial:///dev/ttyUSB0", baud_rate=9600)
    (request,) = load.requests(serial, {})
    assert request.seconds == pytest.approx(ASSUMED_SECONDS + 220 * 11 / 9600)


def test_measured_times_of_a_serial_line_are_shared_out_by_their_characters():
    points = [point(1, 0, interval_s=1), *(point(i, 1000 + i, interval_s=10) for i in range(2, 102))]
    serial = line(unit(1, *points), endpoint="serial:///dev/ttyUSB0", baud_rate=9600)
    short, long = load.requests(serial, {1: 0.1})
    assert long.seconds - short.seconds == pytest.approx(198 * 11 / 9600)
    assert (short.seconds + long.seconds / 10) / 1.1 == pytest.approx(0.1), "the mean is what was measured"


def test_the_sum_says_what_is_wanted_what_is_filled_and_how_busy_the_line_is():
    lone = line(FAST_AND_SLOW, request_pause=0.08)
    whole = load.total(lone.line, load.requests(lone, {1: 0.02}))
    assert (whole.requests, whole.points, whole.wanted, whole.filled) == (2, 3, 3, 0)
    assert (whole.requests_per_second, whole.budget_seconds, whole.measured) == (1.1, 1, True)
    assert whole.cycle_seconds == pytest.approx(0.2)
    assert whole.busy == pytest.approx(0.11)
    assert whole.overrun is Overrun.NONE


def test_several_requests_in_flight_share_the_time():
    twice = line(FAST_AND_SLOW, max_in_flight=2)
    assert load.total(twice.line, load.requests(twice, {1: 0.1})).cycle_seconds == pytest.approx(0.1)


def test_a_line_that_is_closed_after_each_cycle_pays_the_pause_after_connecting_each_time():
    closing = line(FAST_AND_SLOW, close_after_cycle=True, connect_pause=0.5)
    whole = load.total(closing.line, load.requests(closing, {1: 0.1}))
    assert whole.cycle_seconds == pytest.approx(0.7)
    assert whole.busy == pytest.approx(0.61)


@pytest.mark.parametrize(("answer", "overrun"), [(0.4, Overrun.NONE), (0.6, Overrun.AT_TIMES), (1.0, Overrun.ALWAYS)])
def test_overrun_is_known_before_it_happens(answer, overrun):
    lone = line(FAST_AND_SLOW)
    assert load.total(lone.line, load.requests(lone, {1: answer})).overrun is overrun


def test_what_is_read_ten_times_a_second_waits_for_one_slow_request_and_not_for_all():
    slow = [point(n, 1000 * n, interval_s=10) for n in range(2, 22)]
    whole = load.total(line().line, load.requests(line(unit(1, point(1, 0, interval_s=0.1), *slow)), {1: 0.03}))
    assert (whole.cycle_seconds, whole.busy) == (pytest.approx(0.63), pytest.approx(0.36))
    assert whole.overrun is Overrun.NONE


def test_nothing_costs_nothing():
    nothing = load.total(replace(line().line, close_after_cycle=True, connect_pause=1.0), [])
    assert (nothing.requests, nothing.busy, nothing.cycle_seconds, nothing.budget_seconds) == (0, 0, 0, None)
    assert not nothing.measured
