"""Complaints: a trouble is logged when it begins or changes, not with everything that meets it."""

import logging
import re

logger = logging.getLogger("ddms.collector")


class Complaints:
    """What is wrong now, one sentence a subject."""

    def __init__(self) -> None:
        self._current: dict[str, str] = {}

    def about(self, subject: str, sentence: str) -> None:
        """Log a trouble, unless it was the last thing said about this subject: only names and numbers in it may differ."""
        if _gist(self._current.get(subject, "")) != _gist(sentence):
            logger.warning("%s", sentence)
        self._current[subject] = sentence

    @property
    def current(self) -> dict[str, str]:
        """What is wrong now, a sentence by subject."""
        return dict(self._current)

    def over(self, subject: str) -> None:
        """Forget it: the next time it is news again."""
        self._current.pop(subject, None)


def _gist(sentence: str) -> str:
    return re.sub(r'"[^"]*"|\d+', "", sentence)
