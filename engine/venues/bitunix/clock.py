"""The venue's clock against ours, from what its answers say in passing: there is no endpoint that tells the time.

A ``Date`` header is whole seconds, so one answer bounds the offset within a second and a round trip; the bounds of several
answers are intersected. Answers that contradict each other mean that a clock was set: the newest one counts.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime

_MS = 1_000_000
_NEVER = float("inf")
DRIFT_MS_PER_S = 0.05
"""Bounds widen by this much a second, so that old answers lose their weight (50 ppm, a poor crystal)."""


class VenueClock:
    """``offset_ms`` is the venue's clock less ours."""

    def __init__(self) -> None:
        self._low = -_NEVER
        self._high = _NEVER
        self._at_ns = 0
        self._market_offset_ns: int | None = None

    @property
    def known(self) -> bool:
        return self._high < _NEVER

    @property
    def uncertainty_ms(self) -> float:
        return (self._high - self._low) / 2 if self.known else _NEVER

    @property
    def offset_ms(self) -> float:
        return (self._low + self._high) / 2 if self.known else 0.0

    def answered(self, date: str, sent_ns: int, received_ns: int) -> None:
        """Takes the ``Date`` of an answer to a request that left at ``sent_ns`` and came back at ``received_ns``."""
        try:
            told_ms = parsedate_to_datetime(date).timestamp() * 1000.0
        except (ValueError, TypeError, OverflowError):
            return
        self._narrow(told_ms - received_ns / _MS, told_ms + 1000.0 - sent_ns / _MS, received_ns)

    def _narrow(self, low: float, high: float, now_ns: int) -> None:
        slack = max(0, now_ns - self._at_ns) / 1e9 * DRIFT_MS_PER_S
        if low > high:
            return
        low_both, high_both = max(low, self._low - slack), min(high, self._high + slack)
        self._low, self._high = (low_both, high_both) if low_both <= high_both else (low, high)
        self._at_ns = now_ns

    def pushed(self, venue_ns: int, received_ns: int) -> None:
        """Takes the time of a push: the market's, which says nothing of the venue's clock (a simulated one runs faster)."""
        self._market_offset_ns = venue_ns - received_ns

    def market_ns(self, now_ns: int) -> int:
        """The market's time: that of the newest push, running on; before any push the venue's clock."""
        if self._market_offset_ns is not None:
            return now_ns + self._market_offset_ns
        return now_ns + int(self.offset_ms * _MS)

    def venue_ms(self, now_ns: int) -> int:
        return int(now_ns / _MS + self.offset_ms)

    def best_probe_ms(self, now_ns: int) -> float:
        """How long to wait so that the next answer's second turns in the middle of what is still possible."""
        return (-(now_ns / _MS + self.offset_ms)) % 1000.0
