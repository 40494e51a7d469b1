"""Moments as people write them, and as they read them: always UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from engine.data.contract import CandleError
from engine.model.market import SECOND_NS

DAY_NS = 86_400 * SECOND_NS
UNITS = {"m": 60 * SECOND_NS, "h": 3_600 * SECOND_NS, "d": DAY_NS, "w": 7 * DAY_NS}
HINT = "2024-01-01, 2024-01-01T12:00, or -30d (also w, h, m) for so long ago; UTC"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AGO = re.compile(r"-(\d{1,6})([mhdw])", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?)?", re.ASCII)


def moment(text: str, now: int) -> int:
    """UTC nanoseconds of a date, a date with a time, or a span before ``now``. CandleError for anything else."""
    text = text.strip()
    ago = _AGO.fullmatch(text)
    if ago:
        return max(0, now - int(ago[1]) * UNITS[ago[2]])
    if _DATE.fullmatch(text):
        try:
            found = nanoseconds(datetime.fromisoformat(text), naive_is_utc=True)
        except (ValueError, OverflowError):
            found = -1
        if 0 <= found < 1 << 63:
            return found
    raise CandleError(f"{text[:40]!a} is no moment", "", HINT)


def nanoseconds(at: datetime, *, naive_is_utc: bool = False) -> int:
    """ValueError for a time without a zone, unless those are UTC."""
    if at.tzinfo is None:
        if not naive_is_utc:
            raise ValueError("it has no zone")
        at = at.replace(tzinfo=UTC)
    gone = at - _EPOCH
    return ((gone.days * 86_400 + gone.seconds) * 1_000_000 + gone.microseconds) * 1_000


def minute(t: int) -> str:
    """``2024-01-01 12:00``; ``2024-01-01 12:00:30.5`` where it is no whole minute."""
    at = _EPOCH + timedelta(microseconds=t // 1_000)
    if not t % UNITS["m"]:
        return f"{at:%Y-%m-%d %H:%M}"
    return f"{at:%Y-%m-%d %H:%M:%S.%f}".rstrip("0").rstrip(".")


def day(t: int) -> str:
    """``2024-01-31``."""
    return f"{_EPOCH + timedelta(seconds=t // SECOND_NS):%Y-%m-%d}"


def month_of(t: int) -> str:
    """``2024-01``."""
    return f"{_EPOCH + timedelta(seconds=t // SECOND_NS):%Y-%m}"


def month_bounds(month: str) -> tuple[int, int]:
    """First instant of a month, and of the next one."""
    year, number = int(month[:4]), int(month[5:])
    after = (year + number // 12, number % 12 + 1)
    return nanoseconds(datetime(year, number, 1, tzinfo=UTC)), nanoseconds(datetime(*after, 1, tzinfo=UTC))
