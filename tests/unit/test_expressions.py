"""Expressions over points: how they are read, what is refused, and what they give."""

import math

import numpy as np
import pytest

from ddms.calculation import Term, compute
from ddms.expressions import MOST_INPUTS, MOST_LENGTH, Reference, parse, renamed
from ddms.quality import Reason


def value(text: str, **points: float | Reason) -> float | Reason:
    """Compute an expression once; a point may be bad for a reason, and so may the answer."""
    expression = parse(text)
    terms = [
        Term(np.array([0.0 if isinstance(of, Reason) else float(of)]), np.array([of if isinstance(of, Reason) else 0], np.int16))
        for of in (points[one.key] for one in expression.references)
    ]  # fmt: skip
    found = compute(expression.program, np.array([expression.numbers]), terms)
    return Reason(found.quality[0]) if found.quality[0] else float(found.value[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3 - 4 / 8", 6.5), ("-2 ** 2", -4), ("2 ** -1", 0.5), ("2 ** 3 ** 2", 512), ("(1 + 2) * 3", 9), ("a - -1", 3), ("7 % 3", 1),
        ("a <= 2 and b == 0", 1), ("not a or not b", 1), ("not not a", 1), ("a != 2", 0), ("0x1F + .5e1", 36), ("IF(a > 1, 10, 20)", 10),
        ("min(a, 3, b)", 0), ("max(a)", 2), ("mean(1, 2, 6)", 3), ("clamp(a, 0, 1)", 1), ("abs(-a)", 2), ("sqrt(9)", 3), ("round(2.5)", 3),
        ("round(-2.675, 2)", -2.68), ("round(1234, -2)", 1200), ("floor(-1.5) + ceil(1.2)", 0), ("bit(6, 1) + bit(6, 0)", 1), ("bit(-1, 15)", 1),
        ("ln(exp(1)) + log10(1000)", 4), ("degrees(atan2(1, 1))", 45), ("cos(radians(60))", 0.5), ("2301 * 10 ** -1", 230.1), ("-b", 0),
    ],
)  # fmt: skip
def test_an_expression_gives_what_an_engineer_expects(text, expected):
    found = value(text, a=2, b=0)
    assert found == pytest.approx(expected)
    assert math.copysign(1, found) == math.copysign(1, expected)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a / b", Reason.DIVISION_BY_ZERO), ("b / b", Reason.DIVISION_BY_ZERO), ("a % b", Reason.DIVISION_BY_ZERO), ("b ** -1", Reason.DIVISION_BY_ZERO),
        ("1e308 * 1e308", Reason.OVERFLOW), ("min(1e308 * 10, 5)", Reason.OVERFLOW), ("1 / (1e308 * 10)", Reason.OVERFLOW), ("10 ** 1e300", Reason.OVERFLOW),
        ("2 ** 1e300", Reason.OVERFLOW), ("sqrt(-a)", Reason.OVERFLOW), ("(-a) ** 0.5", Reason.OVERFLOW), ("ln(b)", Reason.OVERFLOW), ("a + lost", Reason.INPUT_BAD),
        ("0 * lost", Reason.INPUT_BAD), ("lost == lost", Reason.INPUT_BAD), ("a + doubtful", Reason.CLOCK), ("lost / b", Reason.INPUT_BAD),
    ],
)  # fmt: skip
def test_what_is_no_number_has_a_reason_of_its_own(text, reason):
    assert value(text, a=2, b=0, lost=Reason.INPUT_BAD, doubtful=Reason.CLOCK) is reason


def test_only_what_takes_part_spoils_a_value():
    points = {"a": 2, "b": 0, "lost": Reason.INPUT_BAD}
    assert value("if(b > 0, a / b, 7)", **points) == 7
    assert value("b > 0 and a / b > 1", **points) == 0
    assert value("a > 0 or lost", **points) == 1
    assert value("if(good(lost), lost, a)", **points) == 2
    assert value("if(lost, 1, 2)", **points) is Reason.INPUT_BAD


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "ends too early"), ("(a", "a ) is missing"), ("a b", "character 3 is 'b'"), ("a ^ 2", "write **"), ("a = 2", "write =="), ("a && b", "write and"),
        ("1 < a < 3", "write a < b and b < c"), ("foo(1)", "there is no function 'foo'"), ("if(1, 2)", "if() takes 3 values, here are 2"), ("max()", "')'"),
        ("1,5 * a", "write 1.5 with a point"), ("（a）", "write ("), ("Flow + 1", "'Flow' is no point's key"), ("a.b", "'.'"), ("'Pump 1' + 1", "write the device and the key"),
        ("'Pump 1'. + 1", "write the device and the key"), ("'Pump", "second quotation mark"), ("1e999", "more than a number can be"), ("__import__('os').system('x')", "no function"),
        ("(" * 1000 + "a" + ")" * 900, "nested more than 50"), ("-" * 1999 + "a", "nested more than 50"), ("(" * 10_000, f"at most {MOST_LENGTH:,}"),
        ("2 ** " * 390 + "2", "nested more than 50"), ("+".join(f"p{n}" for n in range(MOST_INPUTS + 1)), "more than 100 points"), ("a" * 64, "key"), ("a\0b", "'\\x00'"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_where_and_what_to_write(text, told):
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - its sentence is what is asked for
        parse(text)
    assert told in refused.value.args[0]


def test_a_long_sum_is_no_nesting():
    assert value("+".join(["1"] * 1000)) == 1000


def test_points_of_other_devices_are_named_whatever_their_names_are():
    text = '''flow + "泵 1".flow - 'Halle "A"'.p2 * "it's ""B""" . p3 + flow'''
    assert parse(text).references == (
        Reference("flow"), Reference("flow", "泵 1"), Reference("p2", 'Halle "A"'), Reference("p3", 'it\'s "B"'),
    )  # fmt: skip
    assert parse(" + ".join(map(str, parse(text).references))).references == parse(text).references


def test_a_rename_changes_names_and_nothing_else():
    text = 'a + "P".a *  min( a,2 ) / b'
    assert (
        renamed(text, lambda one: one._replace(key="c") if one == Reference("a") else one)
        == 'c + "P".a *  min( c,2 ) / b'
    )
    assert (
        renamed(text, lambda one: one._replace(device='Q "1"') if one.device else one)
        == "a + 'Q \"1\"'.a *  min( a,2 ) / b"
    )
    assert renamed("min", lambda one: Reference("most")) == "most"


def test_devices_of_one_profile_share_their_program():
    assert parse("u*i/1000").program == parse("volts * amperes / 2").program != parse("u * u / 1000").program
