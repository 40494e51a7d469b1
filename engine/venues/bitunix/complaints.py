"""Counting what could not be read: each cause is told at 1, 10, 100, … repeats, in bounded memory."""

from __future__ import annotations

from engine.model.clean import clean
from engine.model.events import BadMessage
from engine.venues.port import Clock, Emit

_CAUSES = 256
_SAMPLE = 200


class Complaints:
    def __init__(self, clock: Clock, emit: Emit) -> None:
        self._clock = clock
        self._emit = emit
        self._counts: dict[tuple[str, str], int] = {}

    def add(self, link: str, why: str, raw: bytes | str = b"") -> None:
        cause = (link, why)
        if cause not in self._counts and len(self._counts) >= _CAUSES:
            cause = (link, "other causes")
        count = self._counts[cause] = self._counts.get(cause, 0) + 1
        if _is_power_of_ten(count):
            head = raw[: 4 * _SAMPLE]
            sample = head.decode("utf-8", "replace") if isinstance(head, bytes) else head
            self._emit(BadMessage(self._clock(), link, cause[1], clean(sample, _SAMPLE), count))


def _is_power_of_ten(count: int) -> bool:
    while count % 10 == 0:
        count //= 10
    return count == 1
