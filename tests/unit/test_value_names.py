"""What values are called: as people write it into a cell, and in its one spelling."""

import pytest

from api.points.value_names import ValueNameInput
from ddms.value_names import Named, ValueColor, checked, lookup, of_stored, read, stored, written

NAMES = [Named(0, "Off", ValueColor.GREY), Named(1, "On, in remote", ValueColor.GREEN), Named(3, "Fault: F12 = hot")]


def test_what_is_written_into_a_file_is_read_as_the_same():
    assert written(NAMES) == "0=Off:grey, 1=On, in remote:green, 3=Fault: F12 = hot"
    assert checked(read(written(NAMES))) == NAMES
    assert of_stored(stored(NAMES)) == NAMES
    assert lookup(stored(NAMES)) == {0: "Off", 1: "On, in remote", 3: "Fault: F12 = hot"}


@pytest.mark.parametrize(
    "text",
    [
        "3=Fault:red,0=Off",
        " 0 = Off ; 3=Fault : RED ",
        "0=Off\n3=Fault:red",
        "0x0=Off, 0x3=Fault:red",
        "0.0=Off;3.0=Fault:Red,",
    ],
)
def test_people_write_the_same_in_many_ways(text):
    assert checked(read(text)) == [Named(0, "Off"), Named(3, "Fault", ValueColor.RED)]


def test_grey_is_grey_in_both_spellings():
    assert read("0=Off:gray")[0].color is ValueColor.GREY


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Off", "'Off' names no value: write value=name, as `0=Off, 1=On:green`"),
        ("off=0", "'off' is not a number"),
        ("1=On:pink", "'pink' is no colour here: write one of green"),
    ],
)
def test_what_cannot_be_read_is_told(text, told):
    with pytest.raises(ValueError, match=told):
        read(text)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ([Named(1, "On"), Named(1, "Off")], "1 has two names, 'On' and 'Off': keep one"),
        ([Named(1.5, "Half")], "1.5 has no name: names are for whole numbers"),
        ([Named(1e15, "Far")], "whole numbers of up to 15 digits"),
        ([Named(float("nan"), "Nothing")], "whole numbers"),
        ([Named(1, " ")], "1 to 60 characters"),
        ([Named(1, "x" * 61)], "1 to 60 characters"),
        ([Named(1, "On:really")], "would not be read again"),
        ([Named(1, "On, 2=Off")], "would not be read again"),
        ([Named(n, "x") for n in range(257)], "at most 256 values"),
    ],
)
def test_names_that_cannot_be_are_told(names, told):
    with pytest.raises(ValueError, match=told):
        checked(names)


def test_yaml_has_names_as_a_text_a_list_or_a_mapping():
    """A mapping as `yaml_aside` writes it: each name with its place and its node."""
    named = {"name": [1, 1, [1, 1, "Fault"]], "color": [1, 1, [1, 1, "red"]]}
    mapping = {"0": [1, 1, [1, 1, "Off"]], "3": [1, 1, [1, 1, named]]}
    wanted = [Named(0, "Off"), Named(3, "Fault", ValueColor.RED)]
    for raw in ("0=Off, 3=Fault:red", ["0=Off", "3=Fault:red"], mapping):
        assert [one.named for one in ValueNameInput.of_cell(raw)] == wanted
    for raw in ([["0"]], {"0": [1, 1, [1, 1, None]]}, {"0": [1, 1, [1, 1, {"title": [1, 1, [1, 1, "x"]]}]]}):
        with pytest.raises(ValueError, match="write value=name"):
            ValueNameInput.of_cell(raw)
