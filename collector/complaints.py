"""Complaints: a trouble is logged when it begins or changes, not with everything that meets it."""

import logging

logger = logging.getLogger("ddms.collector")


class Complaints:
    """What is wrong now, one sentence a subject."""

    def __init__(self) -> None:
        self._current: dict[str, str] = {}

    def about(self, subject: str, sentence: str) -> None:
        """Log a trouble, unless it was the last thing said about this subject."""
        if self._current.get(subject) != sentence:
            logger.warning(sentence)
            self._current[subject] = sentence

    def over(self, subject: str) -> None:
        """Forget it: the next time it is news again."""
        self._current.pop(subject, None)
