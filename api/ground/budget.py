"""Budgets: what one caller may ask for over time, in units of cost, whatever the transport."""

import time
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from api.ground.limits import BUDGET_SECONDS, FOLLOWED_COST, MOST_COST, STRANGERS_SHARE
from api.ground.metrics import OVER_BUDGET
from api.ground.turns import TryLater, Who
from ddms.errors import Code, DdmsError, Sentence

_MANY = 10_000


class _Rate:
    """How fast a budget is restored, and how much a full one is: enough for any one operation."""

    def __init__(self, per_second: int) -> None:
        self.per_second = per_second
        self.most = max(MOST_COST, BUDGET_SECONDS * per_second)


class Budgets:
    """A bucket for each caller: an operation takes its cost out, time fills it again."""

    def __init__(self, per_second: int) -> None:
        self._account = _Rate(per_second)
        self._stranger = _Rate(per_second // STRANGERS_SHARE)
        self._left: dict[Who, tuple[float, float]] = {}
        self._followed: dict[Who, dict[Hashable, list[int]]] = {}

    def restored(self, who: Who) -> int:
        """Return how much is restored each second; somebody without a token gets a part of it."""
        return self._rate(who).per_second

    def most(self, who: Who) -> int:
        """Return how much a full budget is: enough for any one operation."""
        return self._rate(who).most

    def left(self, who: Who) -> int:
        """Return what a caller has now."""
        return int(self._now(who, time.monotonic()))

    def take(self, who: Who, cost: int) -> int:
        """Take a cost out and return what is left; raises RATE_LIMITED when too little is there."""
        now = time.monotonic()
        left = self._now(who, now) - cost
        if left < 0:
            seconds = -left / self.restored(who)
            sentence = Sentence(
                "your budget is used up: this costs {}, and {} are restored each second: wait {} s, or ask for less",
                cost, self.restored(who), f"{seconds + 1:.0f}",
            )  # fmt: skip
            OVER_BUDGET.inc()
            raise TryLater(Code.RATE_LIMITED, sentence, seconds)
        if len(self._left) >= _MANY:
            self._forget_full(now)
        self._left[who] = left, now
        return int(left)

    def _rate(self, who: Who) -> _Rate:
        return self._stranger if isinstance(who, str) else self._account

    def _now(self, who: Who, now: float) -> float:
        rate, bucket = self._rate(who), self._left.get(who)
        if bucket is None:
            return rate.most
        left = bucket[0] + (now - bucket[1]) * rate.per_second
        return min(left, rate.most)

    def _forget_full(self, now: float) -> None:
        self._left = {who: bucket for who, bucket in self._left.items() if self._now(who, now) < self.most(who)}

    @contextmanager
    def following(self, who: Who, what: Hashable, cost: int) -> Iterator[None]:
        """Count a subscription while it is followed: all different ones of a caller cost no more than one operation may."""
        mine = self._followed.setdefault(who, {})
        entry = mine.setdefault(what, [0, cost])
        entry[0] += 1
        try:
            if entry[0] == 1 and sum(price for _, price in mine.values()) > FOLLOWED_COST:
                raise DdmsError(
                    Code.RATE_LIMITED,
                    Sentence(
                        "your subscriptions would cost more than {} together: end some of them, or ask for fewer fields",
                        FOLLOWED_COST,
                    ),
                )
            yield
        finally:
            entry[0] -= 1
            if not entry[0]:
                del mine[what]
            if not mine:
                self._followed.pop(who, None)
