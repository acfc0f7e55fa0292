"""The enums of ddms as GraphQL shows them."""

from api.graphql.described import describe_enum
from ddms.alarms import Priority
from ddms.quality import Quality, Reason, quality_of
from ddms.registers import ByteOrder, DataType, RegisterTable

describe_enum(
    RegisterTable,
    name="RegisterTable",
    description="The four tables of Modbus.",
    values={
        "COIL": "Coils, one bit each, function 1; a manual's 00001 is address 0.",
        "DISCRETE_INPUT": "Discrete inputs, one bit each, function 2; a manual's 10001 is address 0.",
        "INPUT": "Input registers, 16 bits each, function 4; a manual's 30001 is address 0.",
        "HOLDING": "Holding registers, 16 bits each, function 3; a manual's 40001 is address 0.",
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
