"""The states of an alarm: every state meets every event, and random walks agree with a model that is written otherwise."""

import random
from itertools import product

import pytest

from ddms.alarms import REST, Alarm, Event, Shelf, State, transition

FLAGS = (False, True)
ALL = [
    Alarm(active=a, acknowledged=k, latched=h, uncertain=u, shelved=s, suppressed=d, out_of_service=o)
    for a, k, h, u, s, d, o in product(FLAGS, FLAGS, FLAGS, FLAGS, (None, Shelf.TIMED, Shelf.ONCE), FLAGS, FLAGS)
    if (a or not u) and not (s and o)
]


TABLE = {
    Event.RAISED: ({"-active"}, {"acked", "unsure"}, {"active"}),
    Event.CLEARED: ({"active"}, {"active", "unsure"}, set()),
    Event.UNCERTAIN: ({"active", "-unsure"}, set(), {"unsure"}),
    Event.CERTAIN: ({"unsure"}, {"unsure"}, set()),
    Event.NOTED: (set(), set(), set()),
    Event.UNSHELVED: ({"shelf"}, {"shelf", "once"}, {"back"}),
    Event.SHELF_ENDED: ({"shelf"}, {"shelf", "once"}, {"back"}),
    Event.SUPPRESSED: ({"-hushed", "-normal"}, set(), {"hushed"}),
    Event.UNSUPPRESSED: ({"hushed"}, {"hushed"}, set()),
    Event.OUT_OF_SERVICE: (set(), {"shelf", "once"}, {"out"}),
    Event.IN_SERVICE: ({"out"}, {"out"}, {"back"}),
    Event.SERVICE_DUE: ({"out"}, {"out"}, {"back"}),
}


class Model:
    """The same rules as sets of words: what is said of an alarm, what an event needs, takes away and adds."""

    def __init__(self, words):
        self.words = set(words)

    def has(self, need):
        if need == "normal":
            return "acked" in self.words and not self.words & {"active", "held"}
        return need in self.words

    def meet(self, event, *, latches, shelf):
        if event is Event.SHELVED:
            if "out" not in self.words:
                self.words = (self.words - {"once"}) | {"shelf"} | ({"once"} if shelf is Shelf.ONCE else set())
            return
        if event is Event.WITHDRAWN:
            self.words = {"acked"}
            return
        if event is Event.ACKNOWLEDGED:
            self.words |= {"acked"}
            if "active" not in self.words:
                self.words -= {"held"}
            return
        needs, takes, adds = TABLE[event]
        if not all(not self.has(need[1:]) if need[0] == "-" else self.has(need) for need in needs):
            return
        self.words = (self.words - takes) | adds
        if event is Event.RAISED and latches:
            self.words |= {"held"}
        if event is Event.CLEARED and "once" in self.words:
            self.words = self.words - {"once", "shelf"} | {"back"}
        if "back" in self.words:
            self.words -= {"back"}
            self.words = self.words - {"acked"} if self.words & {"active", "held"} else self.words | {"acked"}


def words_of(alarm):
    said = {
        "active": alarm.active, "acked": alarm.acknowledged, "held": alarm.latched, "unsure": alarm.uncertain,
        "shelf": alarm.shelved, "once": alarm.shelved is Shelf.ONCE, "hushed": alarm.suppressed, "out": alarm.out_of_service,
    }  # fmt: skip
    return {word for word, true in said.items() if true}


@pytest.mark.parametrize("event", Event)
def test_every_state_meets_the_event_as_the_second_model_says(event):
    for alarm, latches, shelf in product(ALL, FLAGS, Shelf):
        model = Model(words_of(alarm))
        model.meet(event, latches=latches, shelf=shelf)
        after, _ = transition(alarm, event, latches=latches, shelf=shelf)
        assert words_of(after) == model.words, f"{alarm} met {event}"


@pytest.mark.parametrize("event", Event)
def test_what_changed_is_in_the_journal_and_what_did_not_is_not(event):
    for alarm, latches in product(ALL, FLAGS):
        after, events = transition(alarm, event, latches=latches)
        told_without_a_change = {Event.NOTED, Event.SHELVED, Event.OUT_OF_SERVICE}
        assert after == alarm or events
        assert after != alarm or not events or event in told_without_a_change


@pytest.mark.parametrize("seed", range(20))
def test_random_walks_agree_with_the_second_model(seed):
    dice = random.Random(seed)
    alarm, model = REST, Model({"acked"})
    for _ in range(2000):
        event, latches, shelf = dice.choice(list(Event)), dice.random() < 0.3, dice.choice(list(Shelf))
        alarm, _ = transition(alarm, event, latches=latches, shelf=shelf)
        model.meet(event, latches=latches, shelf=shelf)
        assert words_of(alarm) == model.words
        assert alarm in ALL


def walk(*events, latches=False, shelf=Shelf.TIMED):
    alarm = REST
    for event in events:
        alarm, _ = transition(alarm, event, latches=latches, shelf=shelf)
    return alarm


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([], State.NORMAL),
        ([Event.RAISED], State.UNACKNOWLEDGED),
        ([Event.RAISED, Event.ACKNOWLEDGED], State.ACKNOWLEDGED),
        ([Event.RAISED, Event.CLEARED], State.RETURNED),
        ([Event.RAISED, Event.CLEARED, Event.ACKNOWLEDGED], State.NORMAL),
        ([Event.RAISED, Event.ACKNOWLEDGED, Event.CLEARED], State.NORMAL),
        ([Event.RAISED, Event.CLEARED, Event.RAISED], State.UNACKNOWLEDGED),
        ([Event.RAISED, Event.ACKNOWLEDGED, Event.SHELVED, Event.SHELF_ENDED], State.UNACKNOWLEDGED),
        ([Event.RAISED, Event.SHELVED, Event.CLEARED, Event.UNSHELVED], State.NORMAL),
    ],
)
def test_an_alarm_walks_as_isa_18_2_draws_it(events, state):
    assert walk(*events).state is state


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([Event.RAISED, Event.CLEARED], State.LATCHED_UNACKNOWLEDGED),
        ([Event.RAISED, Event.ACKNOWLEDGED, Event.CLEARED], State.LATCHED_ACKNOWLEDGED),
        ([Event.RAISED, Event.CLEARED, Event.ACKNOWLEDGED], State.NORMAL),
        ([Event.RAISED, Event.ACKNOWLEDGED, Event.CLEARED, Event.ACKNOWLEDGED], State.NORMAL),
    ],
)
def test_a_latched_alarm_stays_until_it_is_acknowledged_after_it_is_gone(events, state):
    assert walk(*events, latches=True).state is state


def test_a_shelf_for_once_ends_when_the_alarm_clears():
    alarm, _ = transition(walk(Event.RAISED), Event.SHELVED, shelf=Shelf.ONCE)
    after, events = transition(alarm, Event.CLEARED)
    assert events == (Event.CLEARED, Event.SHELF_ENDED)
    assert after == REST


def test_a_bad_value_neither_raises_nor_clears():
    assert transition(REST, Event.UNCERTAIN) == (REST, ())
    assert walk(Event.RAISED, Event.UNCERTAIN).state is State.UNACKNOWLEDGED


@pytest.mark.parametrize(
    "event", [Event.SHELVED, Event.SUPPRESSED, Event.OUT_OF_SERVICE, Event.ACKNOWLEDGED, Event.CLEARED]
)
def test_an_alarm_calls_until(event):
    assert walk(Event.RAISED).calls
    assert not walk(Event.RAISED, event).calls
