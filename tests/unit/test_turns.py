"""Turns and budgets: nobody waits in another one's queue, nobody pays for another."""

import asyncio

import pytest

from api.ground.budget import Budgets
from api.ground.limits import FOLLOWED_COST, MOST_COST
from api.ground.turns import TryLater, Turns
from ddms.errors import Code, DdmsError


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def ask(turns: Turns, who: object, served: list[object]) -> asyncio.Task[None]:
    async def wait() -> None:
        await turns.begin(who)
        served.append(who)

    return asyncio.create_task(wait())


async def test_callers_take_turns_however_many_wait_for_each():
    turns, served = Turns(1, each=1, waiting=100, seconds=60), []
    await turns.begin("first")
    waiting = [ask(turns, who, served) for who in ("greedy",) * 5 + ("a", "b")]
    await settled()
    for who in ("first", "greedy", "a", "b", "greedy", "greedy", "greedy"):
        turns.end(who)
        await settled()
    assert served == ["greedy", "a", "b", "greedy", "greedy", "greedy", "greedy"]
    await asyncio.gather(*waiting)


async def test_one_caller_leaves_places_free_for_others_and_ddms_itself_has_no_share():
    turns, served = Turns(4, each=2, waiting=100, seconds=60), []
    greedy = [ask(turns, "greedy", served) for _ in range(4)]
    await settled()
    other, own = ask(turns, "other", served), ask(turns, None, served)
    await settled()
    assert served == ["greedy", "greedy", "other", None]
    for task in (*greedy, other, own):
        task.cancel()
    await asyncio.gather(*greedy, other, own, return_exceptions=True)


async def test_a_turn_that_does_not_come_is_busy_and_says_when_to_come_back():
    turns = Turns(1, each=1, waiting=1, seconds=0.01)
    await turns.begin("a")
    with pytest.raises(TryLater) as busy:
        await turns.begin("b")
    assert (busy.value.code, busy.value.seconds >= 1, turns.waiting) == (Code.BUSY, True, 0)


async def test_a_queue_that_is_full_is_busy_for_its_caller_only():
    turns, served = Turns(1, each=1, waiting=2, seconds=60), []
    await turns.begin("x")
    waiting = [ask(turns, "greedy", served) for _ in range(2)]
    await settled()
    with pytest.raises(TryLater):
        await turns.begin("greedy")
    other = ask(turns, "other", served)
    await settled()
    assert turns.waiting == 3
    for task in (*waiting, other):
        task.cancel()
    await asyncio.gather(*waiting, other, return_exceptions=True)


async def test_who_gives_up_in_the_moment_of_the_turn_passes_it_on():
    turns, served = Turns(1, each=1, waiting=9, seconds=60), []
    await turns.begin("x")
    first, second = ask(turns, "a", served), ask(turns, "b", served)
    await settled()
    turns.end("x")
    first.cancel()
    await settled()
    assert served == ["b"]
    assert first.cancelled()
    await second


def test_a_budget_is_the_callers_own_and_comes_back_with_time(monkeypatch):
    now = 0.0
    monkeypatch.setattr("api.ground.budget.time.monotonic", lambda: now)
    budgets = Budgets(20_000)
    while budgets.left(1) >= MOST_COST:
        budgets.take(1, MOST_COST)
    with pytest.raises(TryLater) as refused:
        budgets.take(1, MOST_COST)
    assert (refused.value.code, refused.value.seconds) == (Code.RATE_LIMITED, 10)
    assert budgets.take(2, MOST_COST) > 0
    now = 10.0
    budgets.take(1, MOST_COST)


def test_what_is_refused_costs_nothing():
    budgets = Budgets(1_000)
    before = budgets.left(1)
    with pytest.raises(TryLater):
        budgets.take(1, before + 100_000)
    assert budgets.left(1) >= before


def test_a_stranger_has_less_than_a_caller_but_enough_for_any_operation():
    budgets = Budgets(1_000)
    assert budgets.restored("192.0.2.1") < budgets.restored(1)
    budgets.take("192.0.2.1", MOST_COST)


def test_the_same_subscription_again_costs_nothing_more_and_different_ones_add_up():
    budgets = Budgets(1_000)
    with budgets.following(1, "a", FOLLOWED_COST), budgets.following(1, "a", FOLLOWED_COST):
        with pytest.raises(DdmsError), budgets.following(1, "b", 1):
            pass
        with budgets.following(2, "b", 1):
            pass
    with budgets.following(1, "b", FOLLOWED_COST):
        pass
    assert not budgets._followed
