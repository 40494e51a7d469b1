"""What is different between two states, as a flat list with names a person can read."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from engine.journal.export import iso
from engine.model.state import State

_TIMES_FROM = 10**17
"""Integers from here on (1973, as nanoseconds) are times."""
_POSITIONAL = 10
"""Lists up to this length are compared place by place; longer ones, which only grow, by what is in them."""


class Change(NamedTuple):
    """``path`` is dotted (``markets.BTCUSDT.mark``); a row of a list that came or went ends in ``[+]`` or ``[-]``.

    ``before`` and ``after`` are text, empty where there was or is nothing.
    """

    path: str
    before: str
    after: str


def difference(before: State, after: State) -> list[Change]:
    """In the order of the state's fields; empty for equal states."""
    return list(_compare("", before, after))


def _compare(path: str, a: Any, b: Any) -> Iterator[Change]:
    if a is b or (type(a) is type(b) and a == b and not isinstance(a, msgspec.Struct | list | dict)):
        return
    if isinstance(a, msgspec.Struct) and type(a) is type(b):
        for name in a.__struct_fields__:
            yield from _compare(f"{path}.{name}" if path else name, getattr(a, name), getattr(b, name))
    elif isinstance(a, dict) and isinstance(b, dict):
        for key in [*a, *(key for key in b if key not in a)]:
            yield from _compare(f"{path}.{key}", a.get(key), b.get(key))
    elif isinstance(a, list) and isinstance(b, list):
        yield from _lists(path, a, b)
    else:
        yield Change(path, text(a), text(b))


def _lists(path: str, a: list[Any], b: list[Any]) -> Iterator[Change]:
    if len(a) == len(b) <= _POSITIONAL:
        for place, (x, y) in enumerate(zip(a, b, strict=True)):
            yield from _compare(f"{path}[{place}]", x, y)
        return
    keys_a, keys_b = ([msgspec.msgpack.encode(row) for row in rows] for rows in (a, b))
    had, has = set(keys_a), set(keys_b)
    yield from (Change(f"{path}[-]", text(row), "") for row, key in zip(a, keys_a, strict=True) if key not in has)
    yield from (Change(f"{path}[+]", "", text(row)) for row, key in zip(b, keys_b, strict=True) if key not in had)


def text(value: Any) -> str:
    """A value on one line: times as ISO 8601, structs as ``name value`` pairs."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return iso(value) if value >= _TIMES_FROM else str(value)
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, msgspec.Struct):
        pairs = ((name, text(getattr(value, name))) for name in value.__struct_fields__)
        return ", ".join(f"{name} {said}" for name, said in pairs if said)
    if isinstance(value, list | tuple):
        return " ".join(text(item) for item in value)
    return str(value)
