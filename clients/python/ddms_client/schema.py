"""Types of the API. Made of schema.graphql by clients/python/generate.py: not to be changed by hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Self, TypedDict


class _Open(StrEnum):
    """An enum that takes values which a newer DDMS has, too."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = member._value_ = value
        return member


class ActorKind(_Open):
    """What somebody is who did something."""

    PERSON = "PERSON"
    """A person who was signed in."""
    TOKEN = "TOKEN"
    """A program with an API token."""
    PROGRAM = "PROGRAM"
    """A program of DDMS itself: the command line, the scheduler."""
    NOBODY = "NOBODY"
    """Somebody without a valid key, as at a sign-in."""


class AlarmBenchmark(_Open):
    """How many alarms an operator can do something about (ISA-18.2, 16.5; the same numbers stand in EEMUA 191)."""

    ACCEPTABLE = "ACCEPTABLE"
    """Up to 150 a day, about one in ten minutes."""
    MANAGEABLE = "MANAGEABLE"
    """Up to 300 a day, about two in ten minutes: the most that can be managed."""
    OVERLOADED = "OVERLOADED"
    """More than that."""


class AlarmEventKind(_Open):
    """What may happen to an alarm."""

    RAISED = "RAISED"
    """The condition came."""
    CLEARED = "CLEARED"
    """The condition went."""
    UNCERTAIN = "UNCERTAIN"
    """The newest reading is bad or missing: nobody knows whether it is still there."""
    CERTAIN = "CERTAIN"
    """A good reading says again how it is."""
    ACKNOWLEDGED = "ACKNOWLEDGED"
    """Somebody took note."""
    NOTED = "NOTED"
    """Somebody wrote a note."""
    SHELVED = "SHELVED"
    """Somebody shelved it."""
    UNSHELVED = "UNSHELVED"
    """Somebody took it from the shelf."""
    SHELF_ENDED = "SHELF_ENDED"
    """Its time on the shelf was over, or it cleared."""
    SUPPRESSED = "SUPPRESSED"
    """Another alarm explains it."""
    UNSUPPRESSED = "UNSUPPRESSED"
    """That one is over."""
    OUT_OF_SERVICE = "OUT_OF_SERVICE"
    """Somebody put it out of service."""
    IN_SERVICE = "IN_SERVICE"
    """Somebody returned it to service."""
    SERVICE_DUE = "SERVICE_DUE"
    """The time of its maintenance was over."""
    WITHDRAWN = "WITHDRAWN"
    """Its limit, point, device or connection was disabled or removed."""


class AlarmOrder(_Open):
    """By what alarms are listed."""

    PRIORITY = "PRIORITY"
    """Critical first, and of one priority the newest first."""
    RAISED = "RAISED"
    """By when they were raised last; those that never were come first."""
    CHANGED = "CHANGED"
    """By when they last changed their state."""


class AlarmPriority(_Open):
    """How much an alarm matters."""

    CRITICAL = "CRITICAL"
    """Somebody must act at once."""
    HIGH = "HIGH"
    """Somebody must act soon."""
    MEDIUM = "MEDIUM"
    """Somebody must act within the shift."""
    LOW = "LOW"
    """Somebody should know."""


class AlarmResult(_Open):
    """What became of an alarm that somebody wanted to change."""

    DONE = "DONE"
    """It was done."""
    NOTHING = "NOTHING"
    """There was nothing to do: nothing to acknowledge, not on a shelf, in service already."""
    TAKEN = "TAKEN"
    """Somebody else has shelved it, or put it out of service; nothing was changed."""
    GONE = "GONE"
    """There is no such alarm, or not any more."""
    SHARED = "SHARED"
    """Devices out of your sight share the connection; nothing was changed."""


class AlarmSource(_Open):
    """What an alarm watches."""

    LIMIT = "LIMIT"
    """A limit of a point."""
    DEVICE = "DEVICE"
    """Whether a device answers."""
    CONNECTION = "CONNECTION"
    """Whether anything behind a connection answers."""
    SYSTEM = "SYSTEM"
    """DDMS itself."""


class AlarmState(_Open):
    """The states of ISA-18.2. That an alarm is shelved, suppressed or out of service comes beside it."""

    NORMAL = "NORMAL"
    """Gone, and somebody knows that it was there."""
    UNACKNOWLEDGED = "UNACKNOWLEDGED"
    """There, and nobody has taken note."""
    ACKNOWLEDGED = "ACKNOWLEDGED"
    """There, and somebody has taken note."""
    RETURNED = "RETURNED"
    """Gone before anybody took note."""
    LATCHED_UNACKNOWLEDGED = "LATCHED_UNACKNOWLEDGED"
    """Gone, held by a latched limit; nobody has taken note."""
    LATCHED_ACKNOWLEDGED = "LATCHED_ACKNOWLEDGED"
    """Gone, held by a latched limit until it is acknowledged once more."""


class AuditTransport(_Open):
    """By which way something was asked."""

    GRAPHQL = "GRAPHQL"
    """GraphQL over HTTP."""
    WEBSOCKET = "WEBSOCKET"
    """GraphQL over a websocket."""
    PAGE = "PAGE"
    """A page of the API, as that for signing in."""
    ACTION = "ACTION"
    """A button in Grafana."""
    EXPORT = "EXPORT"
    """`/export`."""
    COMMAND_LINE = "COMMAND_LINE"
    """The command line, on the server."""
    SCHEDULER = "SCHEDULER"
    """Nobody: it was time."""


class BackupReason(_Open):
    """Why there is a backup."""

    SCHEDULED = "SCHEDULED"
    """It was time, by `backupSchedule` of the configuration."""
    ASKED = "ASKED"
    """A person asked for it."""
    FOUND = "FOUND"
    """Its file lay in the folder, from another DDMS or from before."""


class BackupState(_Open):
    """How far a backup is."""

    WAITING = "WAITING"
    """It is made from `dueAt` on; `error` says why it was not made before, if it was tried."""
    RUNNING = "RUNNING"
    """It is being made."""
    DONE = "DONE"
    """It is there, whole."""
    FAILED = "FAILED"
    """It was tried three times; `error` says why it failed."""
    CANCELLED = "CANCELLED"
    """A person ended it; nothing is left of it."""
    MISSING = "MISSING"
    """It was there, and its file is gone from the folder."""


class ByteOrder(_Open):
    """The order in which the device sends the bytes A B C D of a value, A being the most significant."""

    ABCD = "ABCD"
    """Big-endian, as Modbus says: words and bytes in order."""
    DCBA = "DCBA"
    """Little-endian: words and bytes reversed."""
    BADC = "BADC"
    """Bytes swapped inside each word."""
    CDAB = "CDAB"
    """Words swapped: the least significant word first."""


class Calendar(_Open):
    """Buckets by the calendar of the site, as the configuration has it."""

    HOUR = "HOUR"
    """Hours of the site's clock."""
    SHIFT = "SHIFT"
    """Shifts; what lies between two of them is a bucket without a name."""
    DAY = "DAY"
    """Days, of 23 or 25 hours where the clock changes."""
    WEEK = "WEEK"
    """Weeks, from the configured day on."""
    MONTH = "MONTH"
    """Months."""
    QUARTER = "QUARTER"
    """Quarters of the year."""
    YEAR = "YEAR"
    """Years."""
    FISCAL_QUARTER = "FISCAL_QUARTER"
    """Quarters of the fiscal year."""
    FISCAL_YEAR = "FISCAL_YEAR"
    """Fiscal years, from the configured month on."""


class ConfigurationChangeKind(_Open):
    """How a version of the configuration came to be."""

    FOUND = "FOUND"
    """It was so before versions were kept."""
    UPDATE = "UPDATE"
    """By `updateConfiguration` or `ddms config set`."""
    REVERT = "REVERT"
    """The values of an earlier version were taken again."""
    IMPORT = "IMPORT"
    """From a file."""


class ConfigurationFieldKind(_Open):
    """What kind of value a field of the configuration takes."""

    WHOLE = "WHOLE"
    """A whole number, `least` to `most` of a `unit`."""
    SWITCH = "SWITCH"
    """True or false."""
    CHOICE = "CHOICE"
    """One of `choices`."""
    TIME_OF_DAY = "TIME_OF_DAY"
    """Hours and minutes, `02:00`."""
    TIME_ZONE = "TIME_ZONE"
    """An IANA time zone, `Europe/Berlin`."""
    SCHEDULE = "SCHEDULE"
    """Five fields of cron in the site's time zone, `0 2 * * *`; empty: never."""
    NAME = "NAME"
    """A line of at most `most` characters; it may be empty."""
    RECIPIENTS = "RECIPIENTS"
    """Public keys of age (`age1…`), one a line; empty: none."""
    SHIFTS = "SHIFTS"
    """Shifts with their days and times, `Early 06:00-14:00; Night mon-fri 22:00-06:00`; empty: none."""


class ConsequenceConcern(_Open):
    """What a consequence of a change of the configuration is about."""

    JOBS = "JOBS"
    """A scheduled job runs at another time."""
    CLEANUP = "CLEANUP"
    """The cleanup of history is at another time."""
    HISTORY = "HISTORY"
    """History expires."""
    COMPRESSION = "COMPRESSION"
    """Chunks are compressed."""
    AUDIT = "AUDIT"
    """Entries of the audit are erased."""
    ALARMS = "ALARMS"
    """Alarms of devices, connections or points."""
    SYSTEM_ALARMS = "SYSTEM_ALARMS"
    """An alarm of the system is raised or cleared."""
    DEVICES = "DEVICES"
    """Devices."""
    SESSIONS = "SESSIONS"
    """Browsers that are signed in."""
    BACKUPS = "BACKUPS"
    """Backups."""


class DataType(_Open):
    """What the bits of a register mean."""

    BOOL = "BOOL"
    """A coil or discrete input: 0 or 1."""
    BIT = "BIT"
    """One bit of a word: 0 or 1; `bit` says which."""
    UINT8_LOW = "UINT8_LOW"
    """The low byte of a word, 0 to 255."""
    UINT8_HIGH = "UINT8_HIGH"
    """The high byte of a word, 0 to 255."""
    INT8_LOW = "INT8_LOW"
    """The low byte of a word, -128 to 127."""
    INT8_HIGH = "INT8_HIGH"
    """The high byte of a word, -128 to 127."""
    UINT16 = "UINT16"
    """One word, 0 to 65,535."""
    INT16 = "INT16"
    """One word, -32,768 to 32,767."""
    UINT32 = "UINT32"
    """Two words, 0 to 4,294,967,295."""
    INT32 = "INT32"
    """Two words, signed."""
    UINT64 = "UINT64"
    """Four words; digits beyond 2^53 are lost."""
    INT64 = "INT64"
    """Four words, signed; digits beyond 2^53 are lost."""
    FLOAT16 = "FLOAT16"
    """One word, IEEE 754 half precision."""
    FLOAT32 = "FLOAT32"
    """Two words, IEEE 754 single precision."""
    FLOAT64 = "FLOAT64"
    """Four words, IEEE 754 double precision."""
    STRING = "STRING"
    """`length` words of two characters, up to the first NUL."""
    BITS = "BITS"
    """Several bits of a word as one number: `bit` is the lowest of them, `length` how many."""
    UINT24 = "UINT24"
    """The low 24 bits of two words, 0 to 16,777,215."""
    INT24 = "INT24"
    """The low 24 bits of two words, signed."""
    UINT48 = "UINT48"
    """Three words, 0 to 281,474,976,710,655."""
    INT48 = "INT48"
    """Three words, signed."""
    SIGNED16 = "SIGNED16"
    """Sign and magnitude in one word: the highest bit is the sign, 0x8001 is -1."""
    SIGNED32 = "SIGNED32"
    """Sign and magnitude in two words."""
    BCD16 = "BCD16"
    """Four decimal digits in one word, 8-4-2-1: 0x1234 is 1234. A digit above 9 is no value."""
    BCD32 = "BCD32"
    """Eight decimal digits in two words."""
    BCD64 = "BCD64"
    """Sixteen decimal digits in four words; beyond 2^53 the text has all of them."""
    MOD10K16 = "MOD10K16"
    """One word that counts to 9,999. More is no value."""
    MOD10K32 = "MOD10K32"
    """Two words that count to 9,999 each, the first ten thousands: 12 and 3456 are 123456."""
    MOD10K48 = "MOD10K48"
    """Three words that count to 9,999 each."""
    MOD10K64 = "MOD10K64"
    """Four words that count to 9,999 each; beyond 2^53 the text has all digits."""
    UNIX32 = "UNIX32"
    """Seconds since 1970 UTC in two words, to the year 2106."""
    UNIX64 = "UNIX64"
    """Seconds since 1970 UTC in four words."""
    DATETIME3 = "DATETIME3"
    """Date and time in three words: month and day, year from 1900 and hour, minute and second, a byte each. The
    value of dates is seconds since 1970, as if the device's clock showed UTC.
    """
    DATETIME4 = "DATETIME4"
    """Date and time in four words after IEC 60870-5-4: year from 2000; month and day; hour and minute;
    milliseconds.
    """
    DATETIME_BCD = "DATETIME_BCD"
    """Date and time in three words of decimal digits: year from 2000 and month, day and hour, minute and second."""
    STRING_LOW = "STRING_LOW"
    """Text with one character a word, in its low byte; `length` says how many words."""
    STRING_UTF16 = "STRING_UTF16"
    """Text of UTF-16, a word a character; `length` says how many words."""


class DeliveryState(_Open):
    """What became of a message to a webhook."""

    WAITING = "WAITING"
    """It has its turn when those before it are done; a target that fails is tried again, with growing pauses."""
    DONE = "DONE"
    """The target took it (an answer of 200 to 299)."""
    DEAD = "DEAD"
    """Given up: it was not taken within a day, or the target refused it three times as wrong.
    replayWebhookDeliveries tries it again.
    """


class DeviceOrder(_Open):
    """By what devices are listed."""

    NAME = "NAME"
    """By name; upper and lower case are the same."""
    STATE = "STATE"
    """By state, in the order of the alphabet: disabled, error, offline, online, unknown."""
    LAST_SEEN = "LAST_SEEN"
    """By when they last answered; those that never did come first."""
    CREATED = "CREATED"
    """By when they were added: nothing moves when a device is renamed or changes its state."""


class DeviceState(_Open):
    """How a device is doing."""

    UNKNOWN = "UNKNOWN"
    """Not polled yet."""
    ONLINE = "ONLINE"
    """It answers."""
    ERROR = "ERROR"
    """It answers, but refuses some registers."""
    OFFLINE = "OFFLINE"
    """It failed 3 times in a row; it is tried again every 60 s."""
    DISABLED = "DISABLED"
    """Switched off by a person; it is not polled."""


class ErasureState(_Open):
    """How far an erasure is."""

    PENDING = "PENDING"
    """It has not begun."""
    RUNNING = "RUNNING"
    """It is being erased, or waits some seconds for what a collector had read before it heard of it."""
    DONE = "DONE"
    """Nothing is left."""


class ErrorCode(_Open):
    """What kind of mistake it was. Stable: programs may act on it. `extensions.code` of GraphQL's errors has the
    same words, and `INTERNAL` for our own mistakes.
    """

    INVALID = "INVALID"
    """An input does not fit; `field` names it and the message says what fits."""
    NOT_FOUND = "NOT_FOUND"
    """Nothing has this id, or it was deleted."""
    ALREADY_EXISTS = "ALREADY_EXISTS"
    """Something of this name exists: choose another one."""
    CONFLICT = "CONFLICT"
    """Somebody else changed it meanwhile: read it again and repeat the change."""
    UNAUTHENTICATED = "UNAUTHENTICATED"
    """No token, or one that is wrong, expired or revoked."""
    FORBIDDEN = "FORBIDDEN"
    """The token's role may not do this."""
    RATE_LIMITED = "RATE_LIMITED"
    """Too many attempts: wait as long as the message says."""
    BUSY = "BUSY"
    """Others are being served: try again after `extensions.retryAfterSeconds`."""
    TIMEOUT = "TIMEOUT"
    """It took too long and was given up."""
    UNAVAILABLE = "UNAVAILABLE"
    """The database or a collector cannot be reached at the moment: try again."""
    SETTINGS = "SETTINGS"
    """The server's settings are wrong."""
    SCHEMA_VERSION = "SCHEMA_VERSION"
    """The database's schema does not belong to this version of DDMS."""


class EventKind(_Open):
    """What an event of a subscription holds."""

    SNAPSHOT = "SNAPSHOT"
    """All that is watched, as it is now: replace what you know."""
    CHANGES = "CHANGES"
    """What is new since the event before."""
    RESUMED = "RESUMED"
    """What was missed since the token `resumeFrom`, oldest first; a snapshot follows. `gaps` tells what cannot
    be given. A reading may come twice, never not at all: its point and time identify it.
    """
    LATE = "LATE"
    """No readings, only `gaps`: a collector stored readings late, after the database was away."""


class ExportDecimal(_Open):
    """What stands between a number and its fraction in a CSV file."""

    POINT = "POINT"
    """A point."""
    COMMA = "COMMA"
    """A comma."""


class ExportDelimiter(_Open):
    """What stands between the cells of a CSV file."""

    COMMA = "COMMA"
    """A comma."""
    SEMICOLON = "SEMICOLON"
    """A semicolon."""
    TAB = "TAB"
    """A tab."""


class ExportDialect(_Open):
    """For whom a CSV file is written."""

    STANDARD = "STANDARD"
    """For programs."""
    SPREADSHEET = "SPREADSHEET"
    """Local times without their offset, a byte order mark."""


class ExportFormat(_Open):
    """What the file of an export is."""

    CSV = "CSV"
    """Text, with separators."""
    XLSX = "XLSX"
    """A workbook."""
    PARQUET = "PARQUET"
    """Columns, packed; where ddms[parquet] is installed."""
    ARROW = "ARROW"
    """Columns, as a stream of Arrow; where ddms[parquet] is installed."""


class ExportLevel(_Open):
    """How fine an export is."""

    RAW = "RAW"
    """Each reading."""
    MINUTE = "MINUTE"
    """Buckets of a minute."""
    HOUR = "HOUR"
    """Buckets of an hour."""
    DAY = "DAY"
    """Buckets of a day."""


class ExportShape(_Open):
    """What a row of an export is."""

    LONG = "LONG"
    """A value."""
    WIDE = "WIDE"
    """A time, with a column for each point."""
    ANNOTATIONS = "ANNOTATIONS"
    """An annotation."""


class ExportState(_Open):
    """How far an export is."""

    WAITING = "WAITING"
    """It is made when those before it are."""
    RUNNING = "RUNNING"
    """It is being made."""
    DONE = "DONE"
    """Its file can be fetched from `url`, until `expiresAt`."""
    FAILED = "FAILED"
    """It could not be made; `error` says why. Nothing is left of it."""
    CANCELLED = "CANCELLED"
    """It was cancelled before it was made. Nothing is left of it."""
    REMOVED = "REMOVED"
    """It was made, and its file is gone: old, or removed by a person."""


class ExportTimes(_Open):
    """How CSV and xlsx write times."""

    LOCAL = "LOCAL"
    """Those of the time zone."""
    UTC = "UTC"
    """Those of UTC."""
    EPOCH = "EPOCH"
    """Seconds since 1970."""


class FieldRequestState(_Open):
    """How far a request to the field is."""

    PENDING = "PENDING"
    """No collector has taken it yet."""
    RUNNING = "RUNNING"
    """A collector works on it."""
    DONE = "DONE"
    """It is complete."""
    FAILED = "FAILED"
    """It could not be done; `error` says why."""
    CANCELLED = "CANCELLED"
    """It was cancelled; what was found until then is there."""


class FileFormat(_Open):
    """How devices are written down."""

    CSV = "CSV"
    """One row for each point; the device's columns are repeated."""
    YAML = "YAML"
    """A list `devices`, each with a list `points`."""


class GapReason(_Open):
    """Why readings are not in the stream; `series` has them."""

    TOO_OLD = "TOO_OLD"
    """The token is older than the journal of flushes, which goes back an hour."""
    TOO_MANY = "TOO_MANY"
    """More than 100,000 readings were missed; those from here on are left out."""
    STORED_LATE = "STORED_LATE"
    """The collector could not reach the database when it read them, and stored them later."""


class JobState(_Open):
    """What a scheduled job does just now."""

    WAITING = "WAITING"
    """It waits for `nextRun`; its last run, if there was one, was done."""
    RUNNING = "RUNNING"
    """It runs."""
    FAILED = "FAILED"
    """Its last run failed, and `error` says why; it waits for `nextRun`."""
    PAUSED = "PAUSED"
    """Somebody paused it: it runs only when it is asked to, until it is resumed."""


class Language(_Open):
    """A language in which the system speaks."""

    EN = "EN"
    """English."""
    ZH = "ZH"
    """Chinese."""


class LimitDirection(_Open):
    """To which side a deviation or a change counts."""

    EITHER = "EITHER"
    """Both."""
    ABOVE = "ABOVE"
    """The value is above the other point's, or rises."""
    BELOW = "BELOW"
    """The value is below the other point's, or falls."""


class LimitKind(_Open):
    """What of a point is compared, and with what."""

    LOW_LOW = "LOW_LOW"
    """The value is below the threshold; the lowest of four levels."""
    LOW = "LOW"
    """The value is below the threshold."""
    HIGH = "HIGH"
    """The value is above the threshold."""
    HIGH_HIGH = "HIGH_HIGH"
    """The value is above the threshold; the highest of four levels."""
    DEVIATION = "DEVIATION"
    """The value is further than the threshold from that of `referenceKey`."""
    RATE = "RATE"
    """The value changes by more than the threshold within `periodSeconds`."""
    BIT = "BIT"
    """The bit of this number is 1 (`inverted`: 0)."""
    VALUE = "VALUE"
    """The value is one of `alarmValues` (`inverted`: none of them)."""


class Measure(_Open):
    """What is taken of each point in each bucket, as in `series`."""

    AVERAGE = "AVERAGE"
    """The average of its readings."""
    TIME_WEIGHTED_AVERAGE = "TIME_WEIGHTED_AVERAGE"
    """The average in which each value counts by how long it held."""
    MIN = "MIN"
    """The lowest value."""
    MAX = "MAX"
    """The highest value."""
    FIRST = "FIRST"
    """The first value."""
    LAST = "LAST"
    """The last value."""
    COUNT = "COUNT"
    """How many readings with a value."""
    INCREASE = "INCREASE"
    """What a counter counted."""
    RATE = "RATE"
    """What a counter counted an hour."""
    STANDARD_DEVIATION = "STANDARD_DEVIATION"
    """How far the values lie around their average."""
    STATE_SECONDS = "STATE_SECONDS"
    """For how many seconds it was in `state`."""
    STARTS = "STARTS"
    """How often it came into `state`."""


class Month(_Open):
    """A month of the year."""

    JANUARY = "JANUARY"
    """January."""
    FEBRUARY = "FEBRUARY"
    """February."""
    MARCH = "MARCH"
    """March."""
    APRIL = "APRIL"
    """April."""
    MAY = "MAY"
    """May."""
    JUNE = "JUNE"
    """June."""
    JULY = "JULY"
    """July."""
    AUGUST = "AUGUST"
    """August."""
    SEPTEMBER = "SEPTEMBER"
    """September."""
    OCTOBER = "OCTOBER"
    """October."""
    NOVEMBER = "NOVEMBER"
    """November."""
    DECEMBER = "DECEMBER"
    """December."""


class NameOrder(_Open):
    """By what a list is ordered."""

    NAME = "NAME"
    """By name; upper and lower case are the same."""
    CREATED = "CREATED"
    """By when they were added: nothing moves when one is renamed."""


class NoticeKind(_Open):
    """What a notice is about."""

    RETENTION_DUE = "RETENTION_DUE"
    """History will be erased at `until`; `retentionPreview` says what."""
    RETENTION_FAILED = "RETENTION_FAILED"
    """The last run of the retention stopped; it is tried again."""
    ERASURE_FAILED = "ERASURE_FAILED"
    """The history of something deleted could not be erased yet; it is tried again."""
    SIGN_IN_LOCKED = "SIGN_IN_LOCKED"
    """Somebody failed too often to sign in within a day; told to owners. `until`: when the last lock opens."""


class Over(_Open):
    """How the points of a term become one."""

    SUM = "SUM"
    """Their sum."""
    MEAN = "MEAN"
    """Their average, in which each point counts the same."""
    MIN = "MIN"
    """The lowest of them."""
    MAX = "MAX"
    """The highest of them."""


class Overrun(_Open):
    """Whether the intervals can be kept."""

    NONE = "NONE"
    """They can."""
    AT_TIMES = "AT_TIMES"
    """When slow and fast polls are due together, the fast ones are late."""
    ALWAYS = "ALWAYS"
    """The polls need more time than there is: some are skipped."""


class Parity(_Open):
    """The check bit of a character on a serial line."""

    NONE = "NONE"
    """None; Modbus then wants 2 stop bits."""
    EVEN = "EVEN"
    """Even, as Modbus says."""
    ODD = "ODD"
    """Odd."""


class PointOrder(_Open):
    """By what points are listed."""

    CREATED = "CREATED"
    """By when they were added: nothing moves when one is renamed."""
    KEY = "KEY"
    """By key."""
    NAME = "NAME"
    """By name; upper and lower case are the same."""


class Quality(_Open):
    """How far a reading can be trusted."""

    GOOD = "GOOD"
    """Read and in order."""
    UNCERTAIN = "UNCERTAIN"
    """Read, but something about it is doubtful: the reason says what."""
    BAD = "BAD"
    """There is no value: the reason says why."""


class Reason(_Open):
    """Why a reading is what it is."""

    GOOD = "GOOD"
    """Read and in order."""
    CLOCK = "CLOCK"
    """The server's clock was set while this was read: the time may be wrong."""
    ROUNDED = "ROUNDED"
    """The number has more digits than can be computed with: its text has all of them."""
    IMPORTED_UNCERTAIN = "IMPORTED_UNCERTAIN"
    """Imported: the system that it comes from was uncertain of it."""
    MANUAL = "MANUAL"
    """A person wrote it."""
    TIMEOUT = "TIMEOUT"
    """The device did not answer in time."""
    REFUSED = "REFUSED"
    """The connection was refused: is the port right, is another master connected?"""
    UNREACHABLE = "UNREACHABLE"
    """The address cannot be reached: check network, host name and port."""
    CLOSED = "CLOSED"
    """The device closed the connection."""
    MALFORMED = "MALFORMED"
    """The answer was too short or not Modbus."""
    WRONG_UNIT = "WRONG_UNIT"
    """Another unit answered: check the unit ids behind this gateway."""
    NO_PORT = "NO_PORT"
    """The serial port cannot be opened: is it there, and may DDMS use it?"""
    NO_TLS = "NO_TLS"
    """No TLS session came about: does the device speak TLS at this port, and does it want a certificate of DDMS?"""
    UNTRUSTED = "UNTRUSTED"
    """The device's certificate is signed by nobody that DDMS trusts: its authority belongs into ca.pem."""
    EXPIRED = "EXPIRED"
    """The device's certificate has expired, or is not valid yet: check the clocks."""
    WRONG_NAME = "WRONG_NAME"
    """The device's certificate is for another name or address than that of the endpoint."""
    CERTIFICATE_REFUSED = "CERTIFICATE_REFUSED"
    """The device ended the TLS session before it answered anything: does it know the certificate of DDMS
    (client.pem)?
    """
    TLS_FILES = "TLS_FILES"
    """The files for TLS cannot be used: the log of the collector says why."""
    NOT_DIALLED = "NOT_DIALLED"
    """The device has not dialled in: is its gateway set to this port, and to this registration?"""
    CANNOT_LISTEN = "CANNOT_LISTEN"
    """DDMS cannot listen there: is the port taken, is the address one of the collector's machine?"""
    ILLEGAL_FUNCTION = "ILLEGAL_FUNCTION"
    """Exception 1: the device does not know this function, so not this register table."""
    ILLEGAL_ADDRESS = "ILLEGAL_ADDRESS"
    """Exception 2: the device has no such register."""
    ILLEGAL_VALUE = "ILLEGAL_VALUE"
    """Exception 3: the device refuses this range of registers."""
    DEVICE_FAILURE = "DEVICE_FAILURE"
    """Exception 4: the device failed while answering."""
    ACKNOWLEDGE = "ACKNOWLEDGE"
    """Exception 5: the device needs more time."""
    BUSY = "BUSY"
    """Exception 6: the device is busy."""
    NEGATIVE_ACKNOWLEDGE = "NEGATIVE_ACKNOWLEDGE"
    """Exception 7: the device refuses the request."""
    PARITY = "PARITY"
    """Exception 8: the device found an error in its memory."""
    GATEWAY_PATH = "GATEWAY_PATH"
    """Exception 10: the gateway has no path to this unit."""
    GATEWAY_TARGET = "GATEWAY_TARGET"
    """Exception 11: the unit behind the gateway did not answer."""
    UNKNOWN_EXCEPTION = "UNKNOWN_EXCEPTION"
    """The device answered with an exception that Modbus does not know."""
    SENTINEL = "SENTINEL"
    """The device says that it has no value."""
    OUT_OF_RANGE = "OUT_OF_RANGE"
    """The value is outside the valid range of the point."""
    NOT_A_NUMBER = "NOT_A_NUMBER"
    """The registers do not hold a finite number."""
    IMPORTED_BAD = "IMPORTED_BAD"
    """Imported: the system that it comes from called it bad."""
    NO_VALUE = "NO_VALUE"
    """The registers hold no value of this type: a digit above 9, or a date that there is not."""
    INPUT_BAD = "INPUT_BAD"
    """An input of the calculation is bad, or the register that it is scaled by."""
    INPUT_STALE = "INPUT_STALE"
    """An input of the calculation is not read: is it disabled, is its device polled?"""
    DIVISION_BY_ZERO = "DIVISION_BY_ZERO"
    """The calculation divides by zero."""
    OVERFLOW = "OVERFLOW"
    """The calculation gives no number: too large, or the root of a negative one."""


class RegisterTable(_Open):
    """The four tables of Modbus, and none."""

    COIL = "COIL"
    """Coils, one bit each, function 1; a manual's 00001 is address 0."""
    DISCRETE_INPUT = "DISCRETE_INPUT"
    """Discrete inputs, one bit each, function 2; a manual's 10001 is address 0."""
    INPUT = "INPUT"
    """Input registers, 16 bits each, function 4; a manual's 30001 is address 0."""
    HOLDING = "HOLDING"
    """Holding registers, 16 bits each, function 3; a manual's 40001 is address 0."""
    CALCULATED = "CALCULATED"
    """None: the point is calculated of others, by its `expression`."""


class RestoreState(_Open):
    """How far a restore is."""

    WAITING = "WAITING"
    """It is done next."""
    RUNNING = "RUNNING"
    """It goes on."""
    DONE = "DONE"
    """The new database is whole; `steps` says how to switch over."""
    FAILED = "FAILED"
    """It could not be done, `error` says why; asked for again with the same backup and database, it goes on."""
    CANCELLED = "CANCELLED"
    """A person ended it; the new database is gone."""


class RetentionRunState(_Open):
    """How a run of the retention ended."""

    RUNNING = "RUNNING"
    """It goes on."""
    DONE = "DONE"
    """All that was expired is gone."""
    FAILED = "FAILED"
    """It stopped; `error` says why. It is tried again after an hour."""
    INTERRUPTED = "INTERRUPTED"
    """The program that ran it ended; the next run goes on where it stopped."""


class Role(_Open):
    """What a caller may do; each role includes the next one."""

    OWNER = "OWNER"
    """Everything, also tokens and users."""
    ADMIN = "ADMIN"
    """Devices, points, profiles, groups and alarms."""
    VIEWER = "VIEWER"
    """Read only."""


class SeriesSource(_Open):
    """What a series is made of: the readings, or a rollup that keeps their count, sum and extremes."""

    RAW = "RAW"
    """The readings as they were stored."""
    MINUTES = "MINUTES"
    """Rollups of one minute."""
    HOURS = "HOURS"
    """Rollups of one hour."""
    DAYS = "DAYS"
    """Rollups of one day of UTC."""


class ShelfKind(_Open):
    """How an alarm is shelved."""

    TIMED = "TIMED"
    """Until a time."""
    ONCE = "ONCE"
    """Until it clears, at the longest until a time."""


class SnapshotReason(_Open):
    """Why a snapshot was sent."""

    STARTED = "STARTED"
    """The subscription began."""
    RECONNECTED = "RECONNECTED"
    """The API lost the collectors' stream for a while: readings may have been missed, `series` has them. Of
    alarms nothing was: what happened comes next.
    """
    CONFIGURATION = "CONFIGURATION"
    """Points were added or removed among the chosen devices; a name, text or priority of an alarm was changed."""
    TOO_SLOW = "TOO_SLOW"
    """You read too slowly: events were left out, and this is the state after them; `series` or `alarmJournal`
    has the rest.
    """


class ValueColor(_Open):
    """In which colour a named value is shown."""

    GREEN = "GREEN"
    """In order."""
    YELLOW = "YELLOW"
    """To be watched."""
    ORANGE = "ORANGE"
    """Nearly a fault."""
    RED = "RED"
    """A fault."""
    BLUE = "BLUE"
    """Something to know."""
    PURPLE = "PURPLE"
    """Something else to know."""
    GREY = "GREY"
    """Off, out of use."""


class VerificationState(_Open):
    """How the verification of a backup went: its restore into a scratch database."""

    WAITING = "WAITING"
    """It was asked for."""
    RUNNING = "RUNNING"
    """It goes on."""
    VERIFIED = "VERIFIED"
    """All was as the manifest says."""
    FAILED = "FAILED"
    """It could not be restored, or something differs; `error` says what."""


class Weekday(_Open):
    """A day of the week."""

    MONDAY = "MONDAY"
    """Monday."""
    TUESDAY = "TUESDAY"
    """Tuesday."""
    WEDNESDAY = "WEDNESDAY"
    """Wednesday."""
    THURSDAY = "THURSDAY"
    """Thursday."""
    FRIDAY = "FRIDAY"
    """Friday."""
    SATURDAY = "SATURDAY"
    """Saturday."""
    SUNDAY = "SUNDAY"
    """Sunday."""


@dataclass(frozen=True, kw_only=True)
class ValueName:
    """What a value of a point is called."""

    GRAPHQL: ClassVar[str] = "value name color"
    value: float
    """The value, a whole number."""
    name: str
    """What it is called: `Fault`."""
    color: ValueColor | None
    """In which colour it is shown; null: no own one."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One reading of a point."""

    GRAPHQL: ClassVar[str] = "time value text quality reason valueName"
    time: datetime
    """When it was read."""
    value: float | None
    """The value in the point's unit; null when it is bad or a text."""
    text: str | None
    """The text of a string point; null where the point has a number."""
    quality: Quality
    """How far it can be trusted."""
    reason: Reason
    """Why it is not better."""
    value_name: str | None
    """What the value is called: `Fault`; null without a name."""


@dataclass(frozen=True, kw_only=True)
class DeviceStatus:
    """What the collector sees of a device."""

    GRAPHQL: ClassVar[str] = "deviceId name state since lastSeen failures firstFailure lastError"
    device_id: str
    """The device."""
    name: str
    """The device's name."""
    state: DeviceState
    """How it is doing."""
    since: datetime | None
    """Since when it is in this state."""
    last_seen: datetime | None
    """When it last answered."""
    failures: int
    """Failed attempts in a row."""
    first_failure: datetime | None
    """The first of the failed attempts in a row; null while it answers."""
    last_error: str | None
    """What the last failed attempt said."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One measured value of a device: which register, how it is decoded, how often it is read."""

    GRAPHQL: ClassVar[str] = f"id deviceId key name unit registerTable address dataType bit length byteOrder scale offset scaleBy expression counter modulus intervalSeconds deadband heartbeatSeconds validMin validMax sentinels valueNames {{ {ValueName.GRAPHQL} }} enabled latest {{ {Reading.GRAPHQL} }}"
    id: str
    """Opaque and stable, `pt_345`."""
    device_id: str
    """The device it belongs to."""
    key: str
    """Its short name, unique in its device: `flow_rate`."""
    name: str
    """Its name for people, `Flow rate`."""
    unit: str
    """Unit of the value, `°C`; empty when it has none."""
    register_table: RegisterTable
    """The table it is read from."""
    address: int
    """Protocol address, counted from 0: a manual's holding register 40001 is 0."""
    data_type: DataType
    """What its bits mean."""
    bit: int | None
    """Which bit of the word, 0 (least significant) to 15, of BITS the lowest; null for other types than BIT and
    BITS.
    """
    length: int | None
    """Words of a text, or how many bits BITS has; null for other types."""
    byte_order: ByteOrder
    """The order of its bytes."""
    scale: float
    """value = raw × scale + offset."""
    offset: float
    """value = raw × scale + offset."""
    scale_by: str
    """By what registers the value is multiplied besides, `10 ** w_sf`; empty: by none."""
    expression: str
    """Of a calculated point: what is computed, over points of the same device by their keys and of others as
    `"Pump 1".flow`; empty for one that is read.
    """
    counter: bool
    """Whether it counts up, as a meter does: `series` then has its increase and its rate."""
    modulus: float | None
    """The value at which a counter begins at 0 again, in its unit; null: as its data type says, a float's never."""
    interval_seconds: float
    """How often it is read, in seconds."""
    deadband: float
    """A change smaller than this, in its unit, is not stored before the heartbeat."""
    heartbeat_seconds: int
    """With a deadband it is stored at least this often, in seconds."""
    valid_min: float | None
    """A value below this, in the point's unit, is bad; null: no limit."""
    valid_max: float | None
    """A value above this, in the point's unit, is bad; null: no limit."""
    sentinels: list[float]
    """Raw values with which the device says that it has no value."""
    value_names: list[ValueName]
    """What its values are called, by value; one without a name is a number."""
    enabled: bool
    """Whether it is read."""
    latest: Reading | None
    """The newest reading; null before the first one."""


@dataclass(frozen=True, kw_only=True)
class Device:
    """Something that speaks Modbus: a PLC, a meter, a drive."""

    GRAPHQL: ClassVar[str] = f"id name description endpoint unitId enabled maxWords maxBits maxGap retentionDays profile trendPoint answerTimeoutMs version createdAt updatedAt deletedAt status {{ {DeviceStatus.GRAPHQL} }}"
    id: str
    """Opaque and stable, `dev_12`."""
    name: str
    """Unique; upper and lower case are the same."""
    description: str
    """What a person should know of it."""
    endpoint: str
    """Where it is, such as `tcp://host:502`, `rtu+udp://host:4001` or `serial:///dev/ttyUSB0`."""
    unit_id: int
    """Its Modbus unit id, 0 to 255."""
    enabled: bool
    """Whether it is polled."""
    max_words: int
    """Most registers in one request, 1 to 125."""
    max_bits: int
    """Most coils or discrete inputs in one request, 1 to 2000."""
    max_gap: int
    """Unwanted registers that may be read along to join two requests into one."""
    retention_days: int
    """How long its readings are kept, in days."""
    profile: str | None
    """Name of the profile that it follows; null when all its points are its own."""
    trend_point: str | None
    """Key of the point that stands for it in lists; null, or one that it has not: the one with the most
    important limit, else the first number with a unit that is no counter's.
    """
    answer_timeout_ms: int | None
    """How long an answer of it is waited for, in milliseconds; null: as long as its connection says."""
    version: int
    """Grows with each change; updateDevice asks for it."""
    created_at: datetime
    """When it was added."""
    updated_at: datetime
    """When it was last changed."""
    deleted_at: datetime | None
    """When it was deleted, if its history was kept."""
    status: DeviceStatus
    """How it is doing."""


@dataclass(frozen=True, kw_only=True)
class AlarmOutcome:
    """What became of one alarm."""

    GRAPHQL: ClassVar[str] = "alarmId result message"
    alarm_id: str
    """The alarm."""
    result: AlarmResult
    """What became of it."""
    message: str | None
    """Why it was not done, in a sentence; null when it was."""


@dataclass(frozen=True)
class ManualReading:
    """A reading that somebody writes."""

    point: str
    """The point."""
    time: datetime
    """When it was so: from 1970, within what retention keeps, not in the future."""
    value: float | None = None
    """The value in the point's unit; not of a text."""
    text: str | None = None
    """Of a string point: its text, at most 2,000 characters."""
    unit: str | None = None
    """The point's unit, to be sure: another one is refused."""


class DevicesArguments(TypedDict, total=False):
    """What `devices` may be asked."""

    text: str | None
    """Only those with this text in their name."""
    state: DeviceState | None
    """Only those in this state."""
    group: str | None
    """Only those in this group."""
    enabled: bool | None
    """Only those that are polled, or that are not."""
    profile: str | None
    """Only those that follow this profile."""
    order_by: DeviceOrder
    """Their order."""
    descending: bool
    """Begin with the greatest: Z before A, newest before oldest."""


class PointsArguments(TypedDict, total=False):
    """What `points` may be asked."""

    ids: Sequence[str] | None
    """Only these, at most 1,000; one that is unknown is left out."""
    device: str | None
    """Only those of this device."""
    text: str | None
    """Only those with this text in their name or key."""
    enabled: bool | None
    """Only those that are read, or that are not."""
    order_by: PointOrder
    """Their order."""
    descending: bool
    """Begin with the greatest: Z before A, newest before oldest."""


class SeriesArguments(TypedDict, total=False):
    """What `series` may be asked."""

    points: Sequence[str] | None
    """These points. With those of devices and groups at most 1,000."""
    devices: Sequence[str] | None
    """The points of these devices."""
    groups: Sequence[str] | None
    """The points of the devices in these groups."""
    keys: Sequence[str] | None
    """Of devices and groups only the points with these keys; alone, those of all devices."""
    start: datetime
    """Beginning, inclusive."""
    end: datetime | None
    """End, exclusive; now when left out."""
    max_points: int | None
    """Most rows for each point, 10,000 when left out. Where more readings are to be expected, they come in
    buckets. All points together have at most 1,000,000.
    """
    bucket: str | None
    """How long a bucket is: PT10S, PT15M, PT8H, P1D, P1W, P1M, P3M, P1Y; chosen by itself when left out."""
    time_zone: str
    """Whose hours, days, weeks, months and years buckets are, as Europe/Berlin."""
    origin: datetime | None
    """A moment at which a bucket begins: with PT8H and 2026-01-01T06:00:00+01:00 shifts begin at 6, 14 and 22
    o'clock in Europe/Berlin, in summer too. Midnight when left out, of a Monday, or of the first of January.
    """
    calendar: Calendar | None
    """Buckets by the calendar of the site, in its time zone, instead of `bucket`, `timeZone` and `origin`:
    shifts, weeks, fiscal years, as they are configured.
    """
    state: str | None
    """What `stateSeconds` and `starts` are about: `> 0`, `>= 5`, `1..5`, `!= 3`, a number or the name of a
    value, `Running`; several with commas between them, of which one must hold.
    """
    percentiles: Sequence[float] | None
    """Percentiles of each bucket, 0 (the lowest) to 100 (the highest), at most 10."""
    raw: bool
    """Each reading as it was stored, never in buckets; what is beyond maxPoints is cut off and said."""


class LatestArguments(TypedDict, total=False):
    """What `latest` may be asked."""

    devices: Sequence[str] | None
    """All points of these devices."""
    points: Sequence[str] | None
    """These points."""


ARGUMENTS = {
    "devices": {"first": ("first", "Int"), "after": ("after", "String"), "last": ("last", "Int"), "before": ("before", "String"), "text": ("text", "String"), "state": ("state", "DeviceState"), "group": ("group", "ID"), "enabled": ("enabled", "Boolean"), "profile": ("profile", "ID"), "order_by": ("orderBy", "DeviceOrder!"), "descending": ("descending", "Boolean!")},
    "points": {"first": ("first", "Int"), "after": ("after", "String"), "last": ("last", "Int"), "before": ("before", "String"), "ids": ("ids", "[ID!]"), "device": ("device", "ID"), "text": ("text", "String"), "enabled": ("enabled", "Boolean"), "order_by": ("orderBy", "PointOrder!"), "descending": ("descending", "Boolean!")},
    "series": {"points": ("points", "[ID!]"), "devices": ("devices", "[ID!]"), "groups": ("groups", "[ID!]"), "keys": ("keys", "[String!]"), "start": ("from", "DateTime!"), "end": ("to", "DateTime"), "max_points": ("maxPoints", "Int"), "bucket": ("bucket", "Duration"), "time_zone": ("timeZone", "String!"), "origin": ("origin", "DateTime"), "calendar": ("calendar", "Calendar"), "state": ("state", "String"), "percentiles": ("percentiles", "[Float!]"), "raw": ("raw", "Boolean!")},
    "latest": {"devices": ("devices", "[ID!]"), "points": ("points", "[ID!]")},
}
"""Of each question, what Python's arguments are called in GraphQL, and their types there."""
