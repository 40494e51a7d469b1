"""What a strategy is: it sees closed candles in order, and says at each one what it wants and why, or why not.

A strategy holds no clock, no randomness and no connection; the same candles and positions give the same answers. It
never looks at an unfinished candle. ``observe`` is called for every closed candle (history too), ``decide`` right after
it for live ones only: what a strategy remembers, it therefore learns in ``observe``.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from engine.model.market import Candle, Instrument, decimals
from engine.model.orders import Intent, Position, opposite

CENT = Decimal("0.01")
ENVIRONMENTS = ("backtest", "demo", "paper", "live")


class Params(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Parameters of a strategy; a subclass gives every field a type, a range (``msgspec.Meta``) and a default.

    What a range cannot say goes into ``__post_init__``: a ``ValueError`` whose text begins with the field's name.
    """


P = TypeVar("P", bound=Params)


class View(msgspec.Struct, gc=False):
    """What a strategy may know besides candles.

    ``funding_rate`` is a fraction per interval, None while unknown. ``pending`` is True while an entry of ours is not
    final. ``bars_since_exit`` counts closed candles since the last position was closed; None if there was none.
    """

    instrument: Instrument
    position: Position | None = None
    pending: bool = False
    funding_rate: float | None = None
    bars_since_exit: int | None = None

    @property
    def flat(self) -> bool:
        return self.position is None or not self.position.qty


class Strategy(Generic[P]):
    """Base of all strategies. ``why`` holds the reason of the last decision in one short sentence with its numbers.

    The sentence is put together when it is read: ``decide`` stores ``because`` = (instrument, template, numbers…), or
    calls ``wait``. In a template ``{:p}`` is a price in the instrument's decimals; every other field is as in
    ``str.format``.
    """

    name: ClassVar[str]
    environments: ClassVar[frozenset[str]] = frozenset(ENVIRONMENTS)
    params_type: ClassVar[type[Params]]

    def __init__(self, params: P) -> None:
        self.params = params
        self.because: tuple[Any, ...] = (None, "")

    @property
    def why(self) -> str:
        instrument, template, *values = self.because
        return fill(instrument, template, values) if values else str(template)

    @why.setter
    def why(self, text: str) -> None:
        self.because = (None, text)

    def wait(self, view: View, template: str, *values: object) -> list[Intent]:
        """No intent, because of ``template``."""
        self.because = (view.instrument, template, *values)
        return []

    def observe(self, candle: Candle) -> None:
        """Take in a closed candle."""
        raise NotImplementedError

    def decide(self, candle: Candle, view: View) -> list[Intent]:
        """What to do after ``candle``; an empty list is the usual answer, and ``why`` says why."""
        raise NotImplementedError


def fill(instrument: Instrument | None, template: str, values: list[Any]) -> str:
    """``template`` with its values; ``{:p}`` is a price of ``instrument`` (two decimals where there is none)."""
    return _with_places(template, instrument.tick if instrument is not None else CENT).format(*values)


@lru_cache(maxsize=256)
def _with_places(template: str, tick: Decimal) -> str:
    return template.replace(":p}", f":,.{decimals(tick)}f}}")


def leave(position: Position, why: str) -> Intent:
    """A market order out of the whole of ``position``."""
    return Intent(side=opposite(position.side), qty=abs(position.qty), role="exit", why=why)


def is_foreign(position: Position, name: str) -> bool:
    """Another strategy opened ``position``. One without a name (taken over from the venue) is everybody's."""
    return position.strategy not in {"", name}
