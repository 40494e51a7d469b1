"""Request limits: so many in any one second, per caller and endpoint."""

from __future__ import annotations

from collections import deque

WINDOW_S = 1.0


class Limiter:
    """Counts requests by key in a sliding second."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], deque[float]] = {}

    def allows(self, who: str, what: str, per_second: int, now: float) -> bool:
        """Whether one more request at ``now`` (monotonic seconds) is within the limit; counts it if so."""
        seen = self._seen.setdefault((who, what), deque())
        while seen and seen[0] <= now - WINDOW_S:
            seen.popleft()
        if len(seen) >= per_second:
            return False
        seen.append(now)
        return True
