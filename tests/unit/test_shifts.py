"""Shifts as a person writes them."""

import pytest

from api.site import shifts

THREE = "Early 06:00-14:00; Late 14:00-22:00; Night 22:00-06:00"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (THREE, THREE),
        ("", ""),
        ("Early 6:00-14:00\nLate 14:00-22:00\n", "Early 06:00-14:00; Late 14:00-22:00"),
        ("Früh mon,tue,wed,thu,fri 6:00 – 14:00", "Früh mon-fri 06:00-14:00"),
        ("早班 06:00-14:00； 夜班 sun-thu 22:00-06:00", "早班 06:00-14:00; 夜班 sun-thu 22:00-06:00"),
        ("Weekend SAT,SUN 00:00-24:00", "Weekend sat,sun 00:00-00:00"),
        ("Early shift A mon-fri,sun 06:00-14:00", "Early shift A sun-fri 06:00-14:00"),
        ("Early mon-fri 06:00-14:00; Early sat 06:00-12:00", "Early mon-fri 06:00-14:00; Early sat 06:00-12:00"),
    ],
)
def test_shifts_are_read_and_written_in_one_spelling(text: str, written: str):
    found = shifts.read(text)
    assert shifts.write(found) == written
    assert shifts.read(written) == found
    assert [shifts.Shift.of(shift.row()) for shift in found] == found


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Early", "'Early' is not a shift: write its name, its days when it is not on each, and its times"),
        ("06:00-14:00", "is not a shift"),
        ("Early 06:00-25:00", "25:00 of the shift 'Early' is no time of day"),
        ("Early 06:60-14:00", "06:60 of the shift 'Early' is no time of day"),
        ("A 06:00-14:00; B 13:00-20:00", "the shift 'B' begins on mon 13:00 while 'A' lasts"),
        ("Night sun 22:00-06:00; Early mon 05:00-14:00", "the shift 'Early' begins on mon 05:00 while 'Night' lasts"),
        ("A 06:00-14:00; A 06:00-14:00", "the shift 'A' begins on mon 06:00 while 'A' lasts"),
        ("; ".join(f"S{n} mon 00:{n:02}-00:{n + 1:02}" for n in range(51)), "at most 50 shifts"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(text: str, told: str):
    with pytest.raises(ValueError, match=r".") as refused:
        shifts.read(text)
    assert told in str(refused.value)
