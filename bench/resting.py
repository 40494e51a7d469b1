"""The real program with one more strategy, whose orders rest far below the market: ``python -m bench.resting [ARGUMENT…]``."""

from __future__ import annotations

from pathlib import Path

from cockpit.cli import main
from engine.model.market import Candle
from engine.model.orders import Intent
from engine.strategies.base import Params, Strategy, View
from engine.strategies.registry import STRATEGIES

SETTINGS = {
    "strategies": "resting",
    "trading.approval": "auto",
    "risk.price_collar_pct": "50",
    "risk.cooldown_s": "0",
    "risk.order_spacing_s": "0",
    "risk.orders_per_minute": "10000",
    "risk.repeated_execution": "1000000",
    "risk.outlier_pct": "50",
    "risk.max_spread_bps": "1000",
}
"""What lets it send as often as it likes."""


class RestingParams(Params, frozen=True):
    pass


class Resting(Strategy[RestingParams]):
    """After every candle, unless one works already: a buy limit a fifth below the close."""

    name = "resting"
    params_type = RestingParams

    def observe(self, candle: Candle) -> None:
        pass

    def decide(self, candle: Candle, view: View) -> list[Intent]:
        if view.pending or not view.flat:
            return self.wait(view, "one works already")
        price = candle.close * 0.8
        return [Intent(side="BUY", kind="LIMIT", price=price, stop=price * 0.9, target=price * 1.3, why="resting")]


def options(home: Path) -> list[str]:
    """The options for it; its parameter file is put into ``home``."""
    folder = home / "config" / "strategies"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "resting.yaml").write_text("strategy: resting\nparams: {}\n", encoding="ascii")
    return [x for path, value in SETTINGS.items() for x in ("--set", f"{path}={value}")]


if __name__ == "__main__":
    STRATEGIES[Resting.name] = Resting
    main()
