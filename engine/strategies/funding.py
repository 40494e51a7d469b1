"""Funding gates: what an extreme funding rate does to entries. Rates are fractions per interval (0.0005 is 5 bps)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from engine.model.orders import Intent, Position
from engine.strategies.base import Params, Strategy, View, is_foreign, leave

Gate = Literal["open", "half", "none", "halt"]
Rate = Annotated[float, Meta(gt=0, le=1)]


class FundingParams(Params, frozen=True):
    """Increasing thresholds on |funding rate|: half size, no new trade, halt (no trade, and out of the position)."""

    funding_half: Rate = 0.0005
    funding_none: Rate = 0.001
    funding_halt: Rate = 0.003

    def __post_init__(self) -> None:
        if not self.funding_half < self.funding_none < self.funding_halt:
            rates = f"{self.funding_half}, {self.funding_none}, {self.funding_halt}"
            raise ValueError(f"funding_half must be under funding_none, and that under funding_halt: are {rates}")


SIZE: dict[Gate, float] = {"open": 1.0, "half": 0.5, "none": 0.0, "halt": 0.0}


def funding_gate(rate: float | None, params: FundingParams) -> Gate:
    """The strictest gate whose threshold |rate| has reached; ``open`` while the rate is unknown."""
    size = abs(rate or 0.0)
    if size >= params.funding_halt:
        return "halt"
    if size >= params.funding_none:
        return "none"
    return "half" if size >= params.funding_half else "open"


def hold(strategy: Strategy[Any], view: View, position: Position, gate: Gate) -> list[Intent]:
    """Keep ``position`` to its stop and target; out of it (if it is the strategy's own) when funding says halt."""
    if gate != "halt" or is_foreign(position, strategy.name):
        return strategy.wait(view, "in a position")
    strategy.because = (view.instrument, "halt: funding {:.4%}, closing the position", view.funding_rate)
    return [leave(position, strategy.why)]
