"""Log lines: one JSON object each, or plain text for a terminal."""

import logging
import re
import secrets
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from hashlib import blake2s
from typing import Any

import orjson

from ddms.settings import LogFormat, LogLevel

REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The request on whose behalf something is logged; each line that it causes carries its id."""
REFERENCE: ContextVar[str | None] = ContextVar("reference", default=None)
"""The number that the edge gave this request, for people to read out; None where none came."""

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "color_message"}


_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
"""What splits a line, rings, hides, or turns the writing's direction: a caller may have put it into a name."""


def visible(text: str) -> str:
    """Return a text as part of one line: what cannot be seen is written as JSON writes it."""
    return _UNSEEN.sub(lambda m: {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(m[0], f"\\u{ord(m[0]):04x}"), text)


def reference() -> str:
    """Return the number by which a person names what failed for this request, `4f7a-2c09`: in the answer and in each line.

    The edge's, which is the beginning of its own id of the request; without an edge it follows from the request's id. What is
    done for no request gets a new one each time.
    """
    if given := REFERENCE.get():
        return given
    request = REQUEST_ID.get()
    digits = blake2s(request.encode(), digest_size=4).hexdigest() if request else secrets.token_hex(4)
    return f"{digits[:4]}-{digits[4:]}"


class TextFormatter(logging.Formatter):
    """Plain text for a terminal: a record is one line, its traceback follows indented, so that neither can pass for another."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a line, with its traceback."""
        moment = datetime.fromtimestamp(record.created).astimezone().isoformat(" ", timespec="milliseconds")
        line = f"{moment} {record.levelname:<7} {visible(str(record.name))}: {visible(record.getMessage())}"
        if REQUEST_ID.get():
            line += f" [{reference()}]"
        if record.exc_info:
            traced = re.split("\r\n|\r|\n", self.formatException(record.exc_info))
            line += "".join(f"\n  {visible(part)}" for part in traced)
        return line


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message and what was passed as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {key: value for key, value in record.__dict__.items() if key not in _STANDARD}
        if request := REQUEST_ID.get():
            line["request_id"], line["reference"] = request, reference()
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        try:
            encoded = orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS)
        except TypeError:  # half a surrogate pair is no Unicode
            encoded = orjson.dumps({name: visible(str(value)) for name, value in line.items()})
        return visible(encoded.decode())


def set_up(*, level: LogLevel, form: LogFormat) -> None:
    """Send all log records to standard error in the wanted form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form is LogFormat.JSON else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
