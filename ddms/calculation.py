"""Programs of expressions, computed by numpy for many points at once, each value with its quality. Pure.

A quality is that of the worst input that took part: of `if(a, b, c)` only the branch that is taken does, of `and` and `or`
the right side only where the left one leaves it open. Where there is no number, the quality code says why.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddms.expressions import Program
from ddms.quality import Reason

Array = NDArray[Any]
_POWERS_OF_TEN = np.array([float(f"1e{power}") for power in range(-308, 309)])


class Term(NamedTuple):
    """Values, and the quality codes that they have; a single code is that of all."""

    value: Any
    quality: Any


def compute(program: Program, numbers: Array, inputs: list[Term]) -> Term:
    """Return what a program makes of its numbers and inputs; NaN where the quality is bad.

    `numbers` has a row for each point, and a column for each number of the program; inputs are arrays as long as it has rows.
    """
    stack: list[Term] = []
    with np.errstate(all="ignore"):
        for step in program:
            if step.operation == "number":
                stack.append(Term(numbers[:, step.place], np.int16(0)))
            elif step.operation == "input":
                stack.append(inputs[step.place])
            else:
                terms = stack[-step.terms :]
                del stack[-step.terms :]
                stack.append(_finite(_OPERATIONS[step.operation](*terms)))
        value = np.broadcast_to(stack[0].value, len(numbers)) + 0.0  # also of -0.0 a 0
        quality = np.broadcast_to(stack[0].quality, len(numbers)).astype(np.int16)
    value[quality >= Reason.TIMEOUT] = np.nan
    return Term(value, quality)


def _worst(*terms: Term) -> Any:
    worst = terms[0].quality
    for term in terms[1:]:
        worst = np.maximum(worst, term.quality)
    return worst


def _fault(quality: Any, where: Any, reason: Reason) -> Any:
    """Return the qualities, with this reason where there was no other before."""
    return np.where(where & (quality < Reason.TIMEOUT), np.int16(reason), quality)


def _finite(term: Term) -> Term:
    return Term(term.value, _fault(term.quality, ~np.isfinite(term.value), Reason.OVERFLOW))


def _plain(function: Callable[..., Any]) -> Callable[..., Term]:
    """Return the operation of a numpy function of all its values."""
    return lambda *terms: Term(function(*(term.value for term in terms)), _worst(*terms))


def _compared(function: Callable[[Any, Any], Any]) -> Callable[[Term, Term], Term]:
    return lambda a, b: Term(np.asarray(function(a.value, b.value), np.float64), _worst(a, b))


def _divided(function: Callable[[Any, Any], Any]) -> Callable[[Term, Term], Term]:
    def operation(a: Term, b: Term) -> Term:
        return Term(function(a.value, b.value), _fault(_worst(a, b), b.value == 0, Reason.DIVISION_BY_ZERO))

    return operation


def _power(base: Term, exponent: Term) -> Term:
    quality = _fault(_worst(base, exponent), (base.value == 0) & (exponent.value < 0), Reason.DIVISION_BY_ZERO)
    value = np.power(base.value, exponent.value)
    if (tens := base.value == 10).any():  # exactly, as 0.001 is written
        whole = np.rint(np.nan_to_num(np.clip(exponent.value, -308, 308)))
        exact = _POWERS_OF_TEN[whole.astype(np.intp) + 308]
        value = np.where(tens & (whole == exponent.value), exact, value)
    return Term(value, quality)


def _and(a: Term, b: Term) -> Term:
    open_ = a.value != 0
    return Term(np.asarray(open_ & (b.value != 0), np.float64), np.where(open_, _worst(a, b), a.quality))


def _or(a: Term, b: Term) -> Term:
    open_ = a.value == 0
    return Term(np.asarray(~open_ | (b.value != 0), np.float64), np.where(open_, _worst(a, b), a.quality))


def _if(condition: Term, then: Term, other: Term) -> Term:
    yes = condition.value != 0
    quality = np.maximum(condition.quality, np.where(yes, then.quality, other.quality))
    return Term(np.where(yes, then.value, other.value), quality)


def _round(number: Any, digits: Any = 0) -> Any:
    """Round halves away from zero, as people do: 2.5 is 3."""
    power = 10.0 ** np.clip(np.rint(digits), -300, 300)
    scaled = np.abs(number) * power
    rounded = np.where(scaled < 2**52, np.floor(np.round(scaled, 9) + 0.5), scaled) / power
    return np.where(np.isfinite(scaled), np.copysign(rounded, number), number)


def _good(term: Term) -> Term:
    return Term(np.asarray(term.quality < Reason.TIMEOUT, np.float64), np.zeros_like(term.quality))


def _extreme(function: Callable[[Any, Any], Any]) -> Callable[..., Term]:
    def of(*values: Any) -> Any:
        found = values[0]
        for value in values[1:]:
            found = function(found, value)
        return found

    return _plain(of)


_OPERATIONS: dict[str, Callable[..., Term]] = {
    "+": _plain(np.add), "-": _plain(np.subtract), "*": _plain(np.multiply), "/": _divided(np.divide), "%": _divided(np.mod),
    "**": _power, "negative": _plain(np.negative), "not": _plain(lambda a: np.asarray(a == 0, np.float64)), "and": _and, "or": _or,
    "==": _compared(np.equal), "!=": _compared(np.not_equal), "<": _compared(np.less), "<=": _compared(np.less_equal),
    ">": _compared(np.greater), ">=": _compared(np.greater_equal), "if": _if, "good": _good, "min": _extreme(np.minimum),
    "max": _extreme(np.maximum), "mean": _plain(lambda *values: sum(value / len(values) for value in values)),
    "clamp": _plain(lambda a, low, high: np.minimum(np.maximum(a, low), high)), "abs": _plain(np.abs), "sqrt": _plain(np.sqrt),
    "round": _plain(_round), "floor": _plain(np.floor), "ceil": _plain(np.ceil), "exp": _plain(np.exp), "ln": _plain(np.log),
    "log10": _plain(np.log10), "sin": _plain(np.sin), "cos": _plain(np.cos), "tan": _plain(np.tan), "atan2": _plain(np.arctan2),
    "radians": _plain(np.radians), "degrees": _plain(np.degrees),
    "bit": _plain(lambda word, number: np.mod(np.floor(word / 2.0 ** np.rint(number)), 2)),
}  # fmt: skip
