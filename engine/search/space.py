"""What is to be tried: axes of values for a grid, ranges for a study, all typed by the strategy's parameter struct."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from itertools import product
from math import prod
from typing import Any, ClassVar, Literal, get_args, get_origin, get_type_hints

import msgspec

from engine.model.errors import CockpitError
from engine.strategies import registry
from engine.strategies.base import Params, Strategy

MOST_POINTS = 100_000
"""A table that a person can still look through; a year of minutes takes a core half a day for as many."""
GRID_HINT = "for example: --grid fast=5:30:5 (from, to, step) or --grid slow=20,40,80"
RANGE_HINT = "for example: --range fast=5:30, --range size_factor=0.2:1:0.1 or --range cvd=off,required"
WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class SpaceError(CockpitError):
    """A grid or a range that cannot be tried."""

    exit_code: ClassVar[int] = 2


class Axis(msgspec.Struct, frozen=True):
    """A parameter and the values to try, plain (a Decimal is its text)."""

    name: str
    values: tuple[Any, ...]


class Range(msgspec.Struct, frozen=True):
    """A parameter and where a study may look: from ``low`` to ``high`` (both included), or one of ``choices``.

    ``step`` 0 is continuous. ``kind`` is how a value is given to the strategy: int, float, or a Decimal's text.
    """

    name: str
    kind: Literal["int", "float", "decimal", "choice"]
    low: float = 0.0
    high: float = 0.0
    step: float = 0.0
    choices: tuple[Any, ...] = ()


class Bad(msgspec.Struct, frozen=True):
    """A point that the strategy refuses, and its words."""

    params: dict[str, Any]
    why: str


def strategy_of(name: str) -> type[Strategy[Any]]:
    """Raises SpaceError with the nearest name."""
    kind = registry.STRATEGIES.get(name)
    if kind is None:
        raise SpaceError(f"unknown strategy {name[:80]!r}{registry.nearest(name, registry.STRATEGIES)}")
    return kind


def axis(text: str, kind: type[Params]) -> Axis:
    """``fast=5:30:5`` or ``slow=20,40,80`` as values of the field's type. Raises SpaceError."""
    name, words, plain = _split(text, kind, GRID_HINT)
    if ":" not in words:
        values = tuple(dict.fromkeys(_value(name, word, plain) for word in _listed(words, text, GRID_HINT)))
        return Axis(name, values)
    parts = [part.strip() for part in words.split(":")]
    if len(parts) != 3 or plain not in (int, float, Decimal):
        raise SpaceError(f"--grid {text[:80]!r}: from, to and step of a number are expected", "", GRID_HINT)
    low, high, step = (_number(name, part) for part in parts)
    if step <= 0 or high < low:
        raise SpaceError(
            f"--grid {text[:80]!r}: the step must be over 0 and the end not before the start", "", GRID_HINT
        )
    count = int((high - low) / step) + 1
    if count > MOST_POINTS:
        raise SpaceError(f"--grid {text[:80]!r}: {count:,} values are too many (at most {MOST_POINTS:,})")
    return Axis(name, tuple(_value(name, f"{low + step * n:f}", plain) for n in range(count)))


def span(text: str, kind: type[Params]) -> Range:
    """``fast=5:30``, ``stop_atr=1:5:0.5`` or ``cvd=off,required``. Raises SpaceError."""
    name, words, plain = _split(text, kind, RANGE_HINT)
    if ":" not in words:
        return Range(
            name, "choice", choices=tuple(_value(name, word, plain) for word in _listed(words, text, RANGE_HINT))
        )
    parts = [part.strip() for part in words.split(":")]
    if len(parts) not in (2, 3) or plain not in (int, float, Decimal):
        raise SpaceError(f"--range {text[:80]!r}: from and to of a number are expected", "", RANGE_HINT)
    low, high, step = ([float(_value(name, part, plain)) for part in parts] + [1.0 if plain is int else 0.0])[:3]
    if high < low or step < 0:
        raise SpaceError(f"--range {text[:80]!r}: the end must not be before the start", "", RANGE_HINT)
    if plain is int and step < 1:
        raise SpaceError(f"--range {text[:80]!r}: the step of a whole number is at least 1", "", RANGE_HINT)
    return Range(name, plain.__name__.lower(), low, high, step)


def grid(kind: type[Params], axes: Sequence[Axis], base: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[Bad]]:
    """All points over ``base``, complete with defaults, in the order of the axes, and those that the strategy refuses."""
    doubled = {a.name for n, a in enumerate(axes) if any(a.name == b.name for b in axes[:n])}
    if doubled:
        raise SpaceError(
            f"--grid names {', '.join(sorted(doubled))} twice", "", "one --grid a parameter: fast=5,10,15:30:5"
        )
    count = prod(len(a.values) for a in axes)
    if count > MOST_POINTS:
        raise SpaceError(
            f"the grid has {count:,} points, at most {MOST_POINTS:,} are tried", "", "wider steps, or --study N"
        )
    good: list[dict[str, Any]] = []
    bad: list[Bad] = []
    for point in _points(axes):
        taken = checked(kind, point, base)
        if isinstance(taken, Bad):
            bad.append(taken)
        else:
            good.append(taken)
    return good, bad


def checked(kind: type[Params], point: dict[str, Any], base: Mapping[str, Any]) -> dict[str, Any] | Bad:
    """The point with every default, as plain values; or why the strategy refuses it."""
    try:
        return dict(msgspec.to_builtins(registry.read_params(kind, {**base, **point})))
    except registry.StrategyError as error:
        return Bad(point, error.message)


def _points(axes: Sequence[Axis]) -> Iterator[dict[str, Any]]:
    names = [a.name for a in axes]
    return (dict(zip(names, values, strict=True)) for values in product(*(a.values for a in axes)))


def _split(text: str, kind: type[Params], hint: str) -> tuple[str, str, Any]:
    """Name, words and the field's bare type."""
    name, equals, words = text.partition("=")
    name, words = name.strip(), words.strip()
    known = get_type_hints(kind)
    if not equals or not name or not words:
        raise SpaceError(f"{text[:80]!r} is no parameter with values", "", hint)
    if name not in known:
        raise SpaceError(f"unknown parameter {name[:80]!r}{registry.nearest(name, known)}")
    return name, words, known[name]


def _listed(words: str, text: str, hint: str) -> Iterable[str]:
    parts = [word.strip() for word in words.split(",")]
    if not all(parts):
        raise SpaceError(f"{text[:80]!r}: a value is empty", "", hint)
    return parts


def _value(name: str, word: str, plain: Any) -> Any:
    """A word as a plain value of the bare type; ranges are the strategy's to judge."""
    try:
        if get_origin(plain) is Literal:
            if word not in get_args(plain):
                raise ValueError(f"one of {', '.join(map(str, get_args(plain)))} is expected")
            return word
        if plain is bool:
            return WORDS[word.lower()]
        if plain is Decimal:
            return f"{_number(name, word):f}"
        if plain in (int, float):
            number = _number(name, word)
            if plain is int and number != int(number):
                raise ValueError("a whole number is expected")
            return plain(number)
        return str(msgspec.convert(word, plain, strict=False))
    except (ValueError, KeyError, TypeError) as error:
        reason = "yes or no is expected" if isinstance(error, KeyError) else str(error)
        raise SpaceError(f"{name}: {word[:40]!r}: {reason}") from None


def _number(name: str, word: str) -> Decimal:
    try:
        number = Decimal(word)
        if not number.is_finite() or abs(number.adjusted()) > 30:
            raise InvalidOperation
    except InvalidOperation:
        raise SpaceError(f"{name}: {word[:40]!r} is no number", "", GRID_HINT) from None
    return number
