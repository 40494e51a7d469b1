"""The trading engine. ``from engine import backtest`` runs a strategy over candles; the rest is imported by its own name."""

from __future__ import annotations

from os.path import exists, join
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.model.fill_settings import FillModel as FillModel
    from engine.runner.backtest import backtest as backtest
    from engine.runner.data import bars as bars

if exists(join(__path__[0], ".compiled")):  # left by `make fast`; nothing else is paid for it
    from engine.compiled import check

    check()

_PLACES = {"backtest": "engine.runner.backtest", "bars": "engine.runner.data", "FillModel": "engine.sim.fillmodel"}


def __getattr__(name: str) -> Any:
    """What notebooks use is loaded when it is asked for: importing the engine stays cheap."""
    if name not in _PLACES:
        raise AttributeError(f"module 'engine' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_PLACES[name]), name)
