"""The organic market: a price that trends, ranges, calms down and boils over, minute by minute."""

from __future__ import annotations

from math import exp, log, sqrt
from random import Random
from typing import NamedTuple

from engine.sim.microstructure import SEGMENTS, Path

SIGMA = 0.0018
"""Standard deviation of an ordinary minute's return; as on a wild day of bitcoin's, so that
a stop at an ordinary distance costs more than the fees."""

_BASE_NOTIONAL = 1_000_000.0
"""An ordinary minute's turnover, quote currency."""


class Regime(NamedTuple):
    """``drift`` per minute and ``vol`` in units of ``SIGMA``; ``pull`` is the share of the way back to the middle of
    the range per minute; ``minutes`` is how long it lasts on average; ``weight`` how often it is chosen."""

    drift: float
    vol: float
    pull: float
    minutes: float
    weight: float


REGIMES = {
    "up": Regime(drift=0.14, vol=0.9, pull=0.0, minutes=40, weight=3),
    "down": Regime(drift=-0.14, vol=0.9, pull=0.0, minutes=40, weight=3),
    "range": Regime(drift=0.0, vol=0.75, pull=0.10, minutes=45, weight=3),
    "volatile": Regime(drift=0.0, vol=1.7, pull=0.0, minutes=12, weight=1),
    "quiet": Regime(drift=0.0, vol=0.45, pull=0.05, minutes=25, weight=1.5),
}


class Walk:
    """The price in ticks and what drives it.

    ``lean`` is an extra drift (units of ``SIGMA``) for ``lean_minutes``: what follows a stop run.
    """

    def __init__(self, rng: Random, *, ticks: int, base_price: float, lowest: int) -> None:
        self.rng = rng
        self.at = float(ticks)
        self.lean = 0.0
        self.lean_minutes = 0
        self._home = float(ticks)
        self._lowest = lowest
        self._usual_volume = _BASE_NOTIONAL / base_price
        self._vol = 1.0
        self._heat = 0.0
        self._flow = 0.0
        self._wave = 0.0
        self.turn("range")

    def turn(self, name: str) -> None:
        """Enter the regime ``name``, for a random while."""
        self.regime = name
        self._middle = self.at
        self._left = 8 + int(self.rng.expovariate(1 / REGIMES[name].minutes))

    def sigma(self) -> float:
        """Ticks per minute, now."""
        return self.at * SIGMA * self._vol * exp(self._heat)

    def rescale(self, ticks: int) -> None:
        """Be at ``ticks``, and at home there: whatever was before is drawn to another scale."""
        self._middle *= ticks / self.at
        self.at = self._home = float(ticks)

    def settle(self, ticks: int) -> None:
        """Go on from ``ticks``, where a planned minute closed."""
        self.at = float(ticks)

    def volume(self, path: Path) -> float:
        """What changes hands along ``path``: more when it covers more ground, and clustered in time."""
        self._flow = 0.9 * self._flow + self.rng.gauss(0.0, 0.16)
        span = (max(path) - min(path)) / (1.5 * SIGMA * self.at)
        return round(self._usual_volume * exp(self._flow) * (0.3 + 0.7 * span) + 0.05, 3)

    def minute(self) -> Path:
        """The next minute's path."""
        self._pass_time()
        rng, regime = self.rng, REGIMES[self.regime]
        sigma = self.sigma()
        drift = sigma * (regime.drift + self._wave + (self.lean if self.lean_minutes > 0 else 0.0))
        drift += regime.pull * (self._middle - self.at)
        drift -= 0.0004 * self.at * log(self.at / self._home)
        jump_at = rng.randrange(SEGMENTS) if rng.random() < 0.006 else -1
        path = [max(round(self.at) + rng.choice((-1, 0, 0, 0, 1)), self._lowest)]
        noise = sigma / sqrt(SEGMENTS)
        for k in range(SEGMENTS):
            self.at += drift / SEGMENTS + rng.gauss(0.0, noise)
            if k == jump_at:
                self.at += rng.choice((-1, 1)) * rng.uniform(2.0, 5.0) * sigma
                self._heat += 0.5
            self.at = max(self.at, float(self._lowest))
            path.append(round(self.at))
        self._heat += 0.06 * (min(abs(path[-1] - path[0]) / sigma, 4.0) - 0.8)
        return path

    def _pass_time(self) -> None:
        rng = self.rng
        self._left -= 1
        if self._left <= 0:
            names = [name for name in REGIMES if name != self.regime]
            self.turn(rng.choices(names, [REGIMES[name].weight for name in names])[0])
        self.lean_minutes -= 1
        self._vol += 0.25 * (REGIMES[self.regime].vol - self._vol)
        self._heat = 0.95 * self._heat + rng.gauss(0.0, 0.09)
        self._wave = 0.8 * self._wave + rng.gauss(0.0, 0.10)
