"""Settings of a simulated venue's fills, and each of them as a sentence."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

NotNegative = Annotated[float, msgspec.Meta(ge=0)]
MarketRule = Literal["next_open", "same_close", "next_close"]
Intrabar = Literal["conservative", "optimistic", "random"]


class FillModel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the simulated venue. ``_bps`` are hundredths of a percent of the price, ``_pct`` percent.

    On ticks (paper trading, what-ifs) orders meet the recorded book as at the demo exchange: they take it level by level, a
    market order up to 2 % from the mark; what was taken is missing for a second. A limit waits behind all that is visible at its
    price. That queue shrinks by prints at the price, and to what is visible when that is less: what others cancel is thought to
    have stood behind us. Then it fills by what is left of each print, and wholly when the price goes through it. Where the
    visible book ends before its price, the queue is unknown until it is seen.

    ``market``          where a market order that was decided on a closed candle fills (bars only)
    ``slippage``        fixed_bps: always ``slippage_bps``; random: 0.5–1.5 × of it, seeded; volume_scaled:
                        × (1 + quantity over the fillable share of the bar's volume), at most ten times
    ``spread``          fixed: ``spread_bps``, half on the way in and half on the way out, or a recorded book's that is wider;
                        book: the recorded book's (ticks only; bars have no book and use ``spread_bps``)
    ``latency_ms``      time until an order is live; on bars it is live at the first open (or close) at or after that
    ``latency_bars``    the same in whole bars, on top
    ``volume_share_pct`` most of a bar's volume that limit orders get; what is left stays working (on ticks the queue says)
    ``touch``           a limit that is only touched by a bar fills too; else the price must go through it
    ``intrabar``        stop and target inside one bar: stop first, target first, or a seeded coin
    ``trigger``         which price releases protective orders on ticks
    ``liquidation``     the venue closes a position when equity falls to ``maintenance_pct`` of its notional
    """

    market: MarketRule = "next_open"
    slippage: Literal["fixed_bps", "random", "volume_scaled"] = "fixed_bps"
    slippage_bps: NotNegative = 0.0
    spread: Literal["fixed", "book"] = "fixed"
    spread_bps: NotNegative = 0.0
    latency_ms: NotNegative = 0.0
    latency_bars: Annotated[int, msgspec.Meta(ge=0)] = 0
    volume_share_pct: Annotated[float, msgspec.Meta(gt=0, le=100)] = 10.0
    touch: bool = False
    intrabar: Intrabar = "conservative"
    trigger: Literal["mark", "last"] = "mark"
    liquidation: bool = True
    maintenance_pct: Annotated[float, msgspec.Meta(ge=0, lt=100)] = 0.5

    @property
    def rule(self) -> str:
        """The fill rule of market orders as a sentence."""
        return RULES[self.market]

    def words(self) -> list[str]:
        """Every assumption, a sentence each, for reports."""
        spread = "the recorded book's" if self.spread == "book" else f"{self.spread_bps:g} bp"
        latency = f"{self.latency_ms:g} ms and {self.latency_bars} bar(s)"
        through = "touch them" if self.touch else "go through them"
        return [
            self.rule,
            f"Slippage {SLIPPAGE[self.slippage].format(self.slippage_bps)}; spread {spread}, half on each side.",
            f"Orders are live after {latency}.",
            f"Limits fill when prices {through}, by at most {self.volume_share_pct:g} % of a bar's volume.",
            "A gap through a limit, a stop or a target fills at the open.",
            f"Stop and target inside one bar: {INTRABAR[self.intrabar]}. Stops and targets are market orders when released.",
            f"Liquidation at {self.maintenance_pct:g} % of the notional." if self.liquidation else "No liquidation.",
        ]


RULES: dict[str, str] = {
    "next_open": "A market order decided on a closed candle fills at the open of the next one.",
    "same_close": "A market order decided on a closed candle fills at that candle's close.",
    "next_close": "A market order decided on a closed candle fills at the close of the next one.",
}
SLIPPAGE: dict[str, str] = {
    "fixed_bps": "{:g} bp",
    "random": "random, 0.5 to 1.5 times {:g} bp",
    "volume_scaled": "{:g} bp, growing with the order's share of the volume",
}
INTRABAR: dict[str, str] = {
    "conservative": "the stop is first",
    "optimistic": "the target is first",
    "random": "a seeded coin decides",
}
