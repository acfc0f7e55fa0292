"""What somebody is told of failures that are many."""

from contextvars import copy_context

from api.graphql.errors import masked
from api.ground import failures


def test_the_log_is_named_only_for_what_stands_in_it(monkeypatch):
    monkeypatch.setattr(failures, "_listed", failures._Listed())
    monkeypatch.setattr(failures, "_waiting", failures.deque(maxlen=50))

    def told() -> list[str]:
        return [masked(ValueError())["message"] for _ in range(failures.LISTED + 2)]

    messages = copy_context().run(told)
    assert all("has it under" in message for message in messages[: failures.LISTED])
    assert all("it was counted" in message for message in messages[failures.LISTED :])
    assert len(failures._waiting) == failures.LISTED
