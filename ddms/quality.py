"""Quality: how far a reading can be trusted, and why not further.

The code travels as one small integer from the socket to the screen: 0 is good, 1–15 uncertain, 16 and more bad.
The classes are OPC UA's (part 8, StatusCode severity); the Modbus exceptions keep their number, plus 32
(Modbus Application Protocol V1.1b3, section 7).
"""

from enum import IntEnum, StrEnum


class Quality(StrEnum):
    """How far a reading can be trusted."""

    GOOD = "good"
    UNCERTAIN = "uncertain"
    BAD = "bad"


class Reason(IntEnum):
    """Why a reading is what it is; its number is the quality code that is stored."""

    explanation: str

    def __new__(cls, code: int, explanation: str) -> "Reason":
        """Make a member of its code and of the sentence that an engineer reads."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.explanation = explanation
        return member

    GOOD = 0, "read and in order"
    CLOCK = 1, "the server's clock was set while this was read: the time may be wrong"
    ROUNDED = 2, "the number has more digits than can be computed with: its text has all of them"
    IMPORTED_UNCERTAIN = 3, "imported: the system that it comes from was uncertain of it"
    MANUAL = 8, "a person wrote it"
    TIMEOUT = 16, "the device did not answer in time"
    REFUSED = 17, "the connection was refused: is the port right, is another master connected?"
    UNREACHABLE = 18, "the address cannot be reached: check network, host name and port"
    CLOSED = 19, "the device closed the connection"
    MALFORMED = 20, "the answer was too short or not Modbus"
    WRONG_UNIT = 21, "another unit answered: check the unit ids behind this gateway"
    NO_PORT = 22, "the serial port cannot be opened: is it there, and may DDMS use it?"
    NO_TLS = (
        23,
        "no TLS session came about: does the device speak TLS at this port, and does it want a certificate of DDMS?",
    )
    UNTRUSTED = 24, "the device's certificate is signed by nobody that DDMS trusts: its authority belongs into ca.pem"
    EXPIRED = 25, "the device's certificate has expired, or is not valid yet: check the clocks"
    WRONG_NAME = 26, "the device's certificate is for another name or address than that of the endpoint"
    CERTIFICATE_REFUSED = (
        27,
        "the device ended the TLS session before it answered anything: does it know the certificate of DDMS (client.pem)?",
    )
    TLS_FILES = 28, "the files for TLS cannot be used: the log of the collector says why"
    NOT_DIALLED = 29, "the device has not dialled in: is its gateway set to this port, and to this registration?"
    CANNOT_LISTEN = 30, "DDMS cannot listen there: is the port taken, is the address one of the collector's machine?"
    ILLEGAL_FUNCTION = 33, "exception 1: the device does not know this function, so not this register table"
    ILLEGAL_ADDRESS = 34, "exception 2: the device has no such register"
    ILLEGAL_VALUE = 35, "exception 3: the device refuses this range of registers"
    DEVICE_FAILURE = 36, "exception 4: the device failed while answering"
    ACKNOWLEDGE = 37, "exception 5: the device needs more time"
    BUSY = 38, "exception 6: the device is busy"
    NEGATIVE_ACKNOWLEDGE = 39, "exception 7: the device refuses the request"
    PARITY = 40, "exception 8: the device found an error in its memory"
    GATEWAY_PATH = 42, "exception 10: the gateway has no path to this unit"
    GATEWAY_TARGET = 43, "exception 11: the unit behind the gateway did not answer"
    UNKNOWN_EXCEPTION = 47, "the device answered with an exception that Modbus does not know"
    SENTINEL = 64, "the device says that it has no value"
    OUT_OF_RANGE = 65, "the value is outside the valid range of the point"
    NOT_A_NUMBER = 66, "the registers do not hold a finite number"
    IMPORTED_BAD = 67, "imported: the system that it comes from called it bad"
    NO_VALUE = 68, "the registers hold no value of this type: a digit above 9, or a date that there is not"
    INPUT_BAD = 69, "an input of the calculation is bad, or the register that it is scaled by"
    INPUT_STALE = 70, "an input of the calculation is not read: is it disabled, is its device polled?"
    DIVISION_BY_ZERO = 71, "the calculation divides by zero"
    OVERFLOW = 72, "the calculation gives no number: too large, or the root of a negative one"

    @property
    def quality(self) -> Quality:
        """The class of this reason."""
        return quality_of(self.value)

    @property
    def label(self) -> str:
        """The name in lower case, as it stands in the database, in metrics and in GraphQL."""
        return self.name.lower()


def quality_of(code: int) -> Quality:
    """Return the class of a stored quality code."""
    if code == 0:
        return Quality.GOOD
    return Quality.UNCERTAIN if code < Reason.TIMEOUT else Quality.BAD


_BY_CODE = {reason.value: reason for reason in Reason}


def reason_of(code: int) -> Reason:
    """Return the reason that a stored quality code stands for."""
    return _BY_CODE[code]


_EXCEPTIONS = {
    reason.value - 32: reason for reason in Reason if Reason.ILLEGAL_FUNCTION <= reason < Reason.UNKNOWN_EXCEPTION
}


def of_exception(code: int) -> Reason:
    """Return the reason for a Modbus exception code (1–11). Any other is unknown, also those that makers give a meaning:
    32 and more would fall on the numbers of reasons that are no exceptions."""
    return _EXCEPTIONS.get(code, Reason.UNKNOWN_EXCEPTION)


LINE_FAILURES = frozenset(
    {Reason.REFUSED, Reason.UNREACHABLE, Reason.NO_PORT, Reason.NO_TLS, Reason.UNTRUSTED, Reason.EXPIRED,
     Reason.WRONG_NAME, Reason.CERTIFICATE_REFUSED, Reason.TLS_FILES, Reason.NOT_DIALLED, Reason.CANNOT_LISTEN}
)  # fmt: skip
"""Reasons that say the line cannot be used: no other request will fare better."""
UNIT_FAILURES = LINE_FAILURES | {
    Reason.TIMEOUT, Reason.CLOSED, Reason.MALFORMED, Reason.WRONG_UNIT, Reason.GATEWAY_PATH, Reason.GATEWAY_TARGET
}  # fmt: skip
"""Reasons that say the unit did not answer at all: they count towards offline."""
