"""Where to go, as a person types it: ``12:03:11``, ``-30s``, ``50%``, ``#1234``, ``start``, ``end``."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal

from engine.replay.cursor import Replay

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
FORMS = "12:03:11 · -30s · 50% · #1234 · start · end"

_UNITS = {"ms": SECOND // 1000, "s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND, "d": DAY, "": SECOND}
_relative = re.compile(r"([+-])(\d{1,9}(?:\.\d{1,9})?)\s*(ms|s|m|h|d|)").fullmatch
_percent = re.compile(r"(\d{1,3}(?:\.\d{1,6})?)\s*%").fullmatch
_number = re.compile(r"#(\d{1,18})").fullmatch
_clock = re.compile(r"(?:(\d{4})-(\d\d)-(\d\d)[T ])?(\d{1,2}):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?Z?").fullmatch


class GotoError(ValueError):
    """What was typed names no place; the text says which forms do."""


def parse_goto(replay: Replay, text: str) -> int:
    """Number of the event that ``text`` means, seen from the cursor; places outside of the recording mean its ends.

    A time without a date is the one nearest to the cursor that is within the recording (UTC). Percent are of the time.
    """
    return place(replay, text)[0]


def place(replay: Replay, text: str) -> tuple[int, int | None]:
    """The same with the time, where a time was meant and the recording has a market to show between its events."""
    typed = text.strip().lower().replace("−", "-")
    if typed in ("end", "last", "live"):
        return replay.last.seq, None
    if typed in ("start", "begin", "first"):
        return replay.first.seq, None
    if found := _number(typed):
        return min(max(int(found[1]), replay.first.seq), replay.last.seq), None
    if found := _percent(typed):
        return _at(replay, _share_t(replay, float(found[1]) / 100))
    if found := _relative(typed):
        distance = int(Decimal(found[2]) * _UNITS[found[3]])
        t = replay.time + (distance if found[1] == "+" else -distance)
        seq = replay.seq_at(t)
        return seq, t if replay.market is not None and seq else None
    if found := _clock(typed.upper()):
        return _at(replay, _time(replay, found))
    raise GotoError(f"{text.strip()[:40]!r} is no place in a recording; try {FORMS}")


def _at(replay: Replay, t: int) -> tuple[int, int | None]:
    seq = replay.seq_at(t)
    return (seq, t if replay.market is not None else None) if seq >= replay.first.seq else (replay.first.seq, None)


def at_share(replay: Replay, share: float) -> int:
    """Number of the event at a share (0.0 to 1.0) of the recording's time."""
    return max(replay.first.seq, replay.seq_at(_share_t(replay, share)))


def _share_t(replay: Replay, share: float) -> int:
    return replay.first.t + int((replay.last.t - replay.first.t) * min(max(share, 0.0), 1.0))


def _time(replay: Replay, found: re.Match[str]) -> int:
    year, month, day, hour, minute, second, fraction = found.groups()
    within = (int(hour) * 3600 + int(minute) * 60 + int(second or 0)) * SECOND + int((fraction or "0").ljust(9, "0"))
    if int(hour) > 23 or int(minute) > 59 or int(second or 0) > 59:
        raise GotoError(f"{found[0]} is no time of day")
    if year:
        try:
            date = datetime(int(year), int(month), int(day), tzinfo=UTC)
        except ValueError as error:
            raise GotoError(f"{found[0]} is no date") from error
        return int(date.timestamp()) * SECOND + within
    today = replay.time // DAY * DAY
    days = [today + n * DAY + within for n in (0, -1, 1)]
    inside = [t for t in days if replay.first.t <= t <= replay.last.t]
    return min(inside or days, key=lambda t: abs(t - replay.time))
