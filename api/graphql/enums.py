"""The enums of ddms as GraphQL shows them."""

from api.graphql.described import describe_enum
from ddms.alarms import Priority
from ddms.quality import Quality, Reason, quality_of
from ddms.registers import ByteOrder, DataType, RegisterTable

describe_enum(
    RegisterTable,
    name="RegisterTable",
    description="The four tables of Modbus, and none.",
    values={
        "COIL": "Coils, one bit each, function 1; a manual's 00001 is address 0.",
        "DISCRETE_INPUT": "Discrete inputs, one bit each, function 2; a manual's 10001 is address 0.",
        "INPUT": "Input registers, 16 bits each, function 4; a manual's 30001 is address 0.",
        "HOLDING": "Holding registers, 16 bits each, function 3; a manual's 40001 is address 0.",
        "CALCULATED": "None: the point is calculated of others, by its `expression`.",
    },
)
describe_enum(
    ByteOrder,
    name="ByteOrder",
    description="The order in which the device sends the bytes A B C D of a value, A being the most significant.",
    values={
        "ABCD": "Big-endian, as Modbus says: words and bytes in order.",
        "DCBA": "Little-endian: words and bytes reversed.",
        "BADC": "Bytes swapped inside each word.",
        "CDAB": "Words swapped: the least significant word first.",
    },
)
describe_enum(
    DataType,
    name="DataType",
    description="What the bits of a register mean.",
    values={
        "BOOL": "A coil or discrete input: 0 or 1.",
        "BIT": "One bit of a word: 0 or 1; `bit` says which.",
        "UINT8_LOW": "The low byte of a word, 0 to 255.",
        "UINT8_HIGH": "The high byte of a word, 0 to 255.",
        "INT8_LOW": "The low byte of a word, -128 to 127.",
        "INT8_HIGH": "The high byte of a word, -128 to 127.",
        "UINT16": "One word, 0 to 65,535.",
        "INT16": "One word, -32,768 to 32,767.",
        "UINT32": "Two words, 0 to 4,294,967,295.",
        "INT32": "Two words, signed.",
        "UINT64": "Four words; digits beyond 2^53 are lost.",
        "INT64": "Four words, signed; digits beyond 2^53 are lost.",
        "FLOAT16": "One word, IEEE 754 half precision.",
        "FLOAT32": "Two words, IEEE 754 single precision.",
        "FLOAT64": "Four words, IEEE 754 double precision.",
        "STRING": "`length` words of two characters, up to the first NUL.",
        "BITS": "Several bits of a word as one number: `bit` is the lowest of them, `length` how many.",
        "UINT24": "The low 24 bits of two words, 0 to 16,777,215.",
        "INT24": "The low 24 bits of two words, signed.",
        "UINT48": "Three words, 0 to 281,474,976,710,655.",
        "INT48": "Three words, signed.",
        "SIGNED16": "Sign and magnitude in one word: the highest bit is the sign, 0x8001 is -1.",
        "SIGNED32": "Sign and magnitude in two words.",
        "BCD16": "Four decimal digits in one word, 8-4-2-1: 0x1234 is 1234. A digit above 9 is no value.",
        "BCD32": "Eight decimal digits in two words.",
        "BCD64": "Sixteen decimal digits in four words; beyond 2^53 the text has all of them.",
        "MOD10K16": "One word that counts to 9,999. More is no value.",
        "MOD10K32": "Two words that count to 9,999 each, the first ten thousands: 12 and 3456 are 123456.",
        "MOD10K48": "Three words that count to 9,999 each.",
        "MOD10K64": "Four words that count to 9,999 each; beyond 2^53 the text has all digits.",
        "UNIX32": "Seconds since 1970 UTC in two words, to the year 2106.",
        "UNIX64": "Seconds since 1970 UTC in four words.",
        "DATETIME3": "Date and time in three words: month and day, year from 1900 and hour, minute and second, a byte each. The value of dates is seconds since 1970, as if the device's clock showed UTC.",
        "DATETIME4": "Date and time in four words after IEC 60870-5-4: year from 2000; month and day; hour and minute; milliseconds.",
        "DATETIME_BCD": "Date and time in three words of decimal digits: year from 2000 and month, day and hour, minute and second.",
        "STRING_LOW": "Text with one character a word, in its low byte; `length` says how many words.",
        "STRING_UTF16": "Text of UTF-16, a word a character; `length` says how many words.",
    },
)
describe_enum(
    Quality,
    name="Quality",
    description="How far a reading can be trusted.",
    values={
        "GOOD": "Read and in order.",
        "UNCERTAIN": "Read, but something about it is doubtful: the reason says what.",
        "BAD": "There is no value: the reason says why.",
    },
)
describe_enum(
    Reason,
    name="Reason",
    description="Why a reading is what it is.",
    values={
        reason.name: reason.explanation[0].upper()
        + reason.explanation[1:].rstrip("?.")
        + ("?" if reason.explanation.endswith("?") else ".")
        for reason in Reason
    },
)
describe_enum(
    Priority,
    name="AlarmPriority",
    description="How much an alarm matters.",
    values={
        "CRITICAL": "Somebody must act at once.",
        "HIGH": "Somebody must act soon.",
        "MEDIUM": "Somebody must act within the shift.",
        "LOW": "Somebody should know.",
    },
)
_REASONS = {reason.value: reason for reason in Reason}


def reason_of(code: int) -> Reason:
    """Return the reason of a stored quality code; one that a newer DDMS wrote counts as its class."""
    known = _REASONS.get(code)
    if known is not None:
        return known
    return Reason.CLOCK if quality_of(code) is Quality.UNCERTAIN else Reason.MALFORMED
