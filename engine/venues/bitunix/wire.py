"""Reading single values of the venue's JSON: strict about what a value means, tolerant about how it is written.

Everything unreadable raises ``Unreadable`` with a reason out of a small, fixed set (field names, never content).
"""

from __future__ import annotations

import re
from calendar import timegm
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any

import msgspec

from engine.model.clean import clean
from engine.model.orders import Side

MAX_FRAME = 1 << 20
"""Bytes of one message: a full book of every level is half of it."""

_NUMBER = re.compile(r"[+-]?(?:\d{1,24}(?:\.\d{0,24})?|\.\d{1,24})(?:[eE][+-]?\d{1,2})?", re.ASCII)
_IDENT = re.compile(r"[\w.:@-]{1,64}", re.ASCII)
_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):?(\d\d))?", re.ASCII | re.I
)
_LARGEST = Decimal("1e18")
_LATEST_MS = 253_402_300_799_999
_ABSENT: frozenset[Any] = frozenset({"", "null", "NULL", "None"})

_SIDES: dict[str, Side] = {"BUY": "BUY", "LONG": "BUY", "SELL": "SELL", "SHORT": "SELL"}


class Unreadable(Exception):
    """A message that cannot be understood. ``why`` names the field and the fault, never what the venue wrote."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def decode(raw: bytes | str) -> Any:
    if len(raw) > MAX_FRAME:
        raise Unreadable("message too large")
    try:
        return msgspec.json.decode(raw)
    except (ValueError, RecursionError) as error:
        raise Unreadable("not JSON") from error


def as_object(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Unreadable(f"{what} is not an object")
    return value


def one_or_many(value: Any, what: str) -> list[Mapping[str, Any]]:
    """The venue writes some answers as an object in one place and as a list of objects in another."""
    if isinstance(value, dict):
        return [value]
    if not isinstance(value, list):
        raise Unreadable(f"{what} is neither object nor list")
    return [as_object(item, what) for item in value]


def listed(value: Any, key: str) -> list[Mapping[str, Any]]:
    """Rows of a bare list or of the list under ``key``; null is no rows."""
    if isinstance(value, dict):
        value = value.get(key)
    return [] if value is None else one_or_many(value, key)


def pick(obj: Mapping[str, Any], *names: str) -> Any:
    """The first of ``names`` that carries a value, else None."""
    for name in names:
        value = obj.get(name)
        if value is not None and not (isinstance(value, str) and value in _ABSENT):
            return value
    return None


def to_decimal(value: Any, what: str) -> Decimal:
    if isinstance(value, float):
        value = repr(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18:
        return Decimal(value)
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        raise Unreadable(f"{what} is not a number" if value is not None else f"{what} is missing")
    try:
        number = Decimal(value)
    except InvalidOperation as error:
        raise Unreadable(f"{what} is not a number") from error
    if abs(number) >= _LARGEST:
        raise Unreadable(f"{what} is out of range")
    return number


def decimal(obj: Mapping[str, Any], *names: str) -> Decimal:
    return to_decimal(pick(obj, *names), names[0])


def decimal_or(obj: Mapping[str, Any], default: Decimal, *names: str) -> Decimal:
    value = pick(obj, *names)
    return default if value is None else to_decimal(value, names[0])


def price_or_none(obj: Mapping[str, Any], *names: str) -> Decimal | None:
    """A price; None where the venue writes nothing, zero, or the text ``market``."""
    value = pick(obj, *names)
    if value is None or (isinstance(value, str) and value.lower() == "market"):
        return None
    price = to_decimal(value, names[0])
    return price if price > 0 else None


def to_float(value: Any, what: str) -> float:
    if isinstance(value, str) and len(value) <= 40 and value.isascii() and "_" not in value:
        try:
            number = float(value)
        except ValueError as error:
            raise Unreadable(f"{what} is not a number") from error
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e18:
        number = float(value)
    else:
        raise Unreadable(f"{what} is not a number" if value is not None else f"{what} is missing")
    if not isfinite(number) or abs(number) >= 1e18:
        raise Unreadable(f"{what} is out of range")
    return number


def to_price(value: Any, what: str) -> float:
    number = to_float(value, what)
    if number <= 0.0:
        raise Unreadable(f"{what} is not positive")
    return number


def to_amount(value: Any, what: str) -> float:
    number = to_float(value, what)
    if number < 0.0:
        raise Unreadable(f"{what} is negative")
    return number


def whole(obj: Mapping[str, Any], *names: str) -> int:
    number = decimal(obj, *names)
    if number != number.to_integral_value():
        raise Unreadable(f"{names[0]} is not whole")
    return int(number)


def word(obj: Mapping[str, Any], *names: str) -> str:
    """An enum's value in capitals, without the trailing underscore that is sometimes there; empty when missing."""
    value = pick(obj, *names)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Unreadable(f"{names[0]} is not text")
    return clean(value, 40).strip().rstrip("_").upper()


def text(obj: Mapping[str, Any], *names: str, limit: int = 200) -> str:
    """Free text (or an id of somebody else's making), cleaned."""
    value = pick(obj, *names)
    if value is None:
        return ""
    if not isinstance(value, (str, int)):
        raise Unreadable(f"{names[0]} is not text")
    return clean(str(value), limit) if isinstance(value, str) or abs(value) < 10**20 else ""


def ident(obj: Mapping[str, Any], *names: str) -> str:
    """An id of the venue's own: digits in practice, never anything that needs cleaning."""
    value = pick(obj, *names)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**20:
        return str(value)
    if not isinstance(value, str) or not _IDENT.fullmatch(value):
        raise Unreadable(f"{names[0]} is not an id" if value is not None else f"{names[0]} is missing")
    return value


def side(obj: Mapping[str, Any], *names: str) -> Side:
    """BUY or SELL, however it is written (BUY, Buy, LONG, buy_)."""
    found = _SIDES.get(word(obj, *names))
    if found is None:
        raise Unreadable(f"{names[0]} is no side")
    return found


def flag(obj: Mapping[str, Any], *names: str) -> bool:
    value = pick(obj, *names)
    if value is None or isinstance(value, bool):
        return bool(value)
    if isinstance(value, str) and value.lower() in ("true", "false", "1", "0"):
        return value.lower() in ("true", "1")
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    raise Unreadable(f"{names[0]} is not a flag")


def to_ns(value: Any, what: str) -> int:
    """UTC nanoseconds of a time written as milliseconds (number or text) or as ISO-8601 with up to nine decimals."""
    if isinstance(value, str):
        match = _ISO.fullmatch(value)
        if match:
            return _iso_ns(match, what)
    number = to_decimal(value, what)
    if not 0 <= number <= _LATEST_MS:
        raise Unreadable(f"{what} is no time")
    return int(number) * 1_000_000


def _iso_ns(match: re.Match[str], what: str) -> int:
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    if not (
        1970 <= year <= 9999 and 1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second <= 60
    ):
        raise Unreadable(f"{what} is no time")
    fraction, sign, off_hour, off_minute = match.groups()[6:]
    shift = (int(off_hour) * 3600 + int(off_minute) * 60) * (1 if sign == "+" else -1) if sign else 0
    whole_seconds = timegm((year, month, day, hour, minute, second)) - shift
    return max(0, whole_seconds) * 1_000_000_000 + int((fraction or "").ljust(9, "0"))


def time_ns(obj: Mapping[str, Any], *names: str) -> int:
    return to_ns(pick(obj, *names), names[0])
