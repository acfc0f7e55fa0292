"""What a device says of itself: maker, product, revision and more, by function 43 / 14 (Read Device Identification).

Many devices do not know the function; that is no failure, and nothing is said of it.

Source: Modbus Application Protocol V1.1b3, section 6.21. The frames are pymodbus's work.
"""

import struct
from contextlib import suppress
from typing import Any

from pymodbus.constants import DeviceInformation, MoreData
from pymodbus.pdu.mei_message import ReadDeviceInformationRequest, ReadDeviceInformationResponse

from collector.line.tcp import Reader, ReadError
from ddms.quality import Reason

NAMES = ("vendor", "product_code", "revision", "vendor_url", "product_name", "model_name", "application_name")
"""Of objects 0 to 6; those from 128 on are the maker's own."""
MOST_ANSWERS = 32
MOST_SECONDS = 1.0  # a device that does not know the function may also be silent
_LEVELS = (DeviceInformation.EXTENDED, DeviceInformation.BASIC)


async def identity(link: Reader, unit: int, timeout: float) -> dict[str, str] | None:
    """Return what a unit says of itself, by the names of its objects; None when it says nothing."""
    for level in _LEVELS:
        try:
            return await _read(link, unit, level, min(timeout, MOST_SECONDS)) or None
        except ReadError as error:
            if error.reason not in {Reason.ILLEGAL_VALUE, Reason.ILLEGAL_ADDRESS}:
                break
    return None


async def _read(link: Reader, unit: int, level: int, timeout: float) -> dict[str, str]:
    found: dict[str, str] = {}
    place = 0
    for _ in range(MOST_ANSWERS):
        request = ReadDeviceInformationRequest(read_code=level, object_id=place)
        answer = ReadDeviceInformationResponse()
        try:
            answer.decode(await link.ask(unit, bytes([request.function_code]) + request.encode(), timeout))
        except ReadError:
            if not found:
                raise
            break
        except (struct.error, IndexError):
            break
        found |= {_name(number): _text(value) for number, value in answer.information.items()}
        if answer.more_follows != MoreData.KEEP_READING or answer.next_object_id <= place:
            break
        place = answer.next_object_id
    return found


def _name(number: int) -> str:
    return NAMES[number] if number < len(NAMES) else f"object_{number}"


def _text(value: Any) -> str:
    data = b", ".join(value) if isinstance(value, list) else bytes(value)
    text = data.decode("latin-1")
    with suppress(UnicodeDecodeError):
        text = data.decode()
    return "".join(character for character in text if character.isprintable()).strip()
