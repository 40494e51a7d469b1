"""What is run for the golden results, and the numbers that are kept of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
from golden_data import MADE, funding, market
from msgspec import Meta

from engine import FillModel, backtest
from engine.model.market import Candle, Instrument
from engine.model.orders import Intent
from engine.model.settings import Profile
from engine.ops.config import load
from engine.ops.paths import home
from engine.runner.backtest import Fidelity, Result
from engine.strategies import registry
from engine.strategies.base import Params, Strategy, View

RESULTS = Path(__file__).parent / "results"
COIN = Instrument(
    symbol="BTCUSDT",
    base="BTC",
    quote="USDT",
    tick=Decimal("0.01"),
    step=Decimal("0.0001"),
    min_qty=Decimal("0.0001"),
    max_limit_qty=Decimal(1000),
    max_market_qty=Decimal(120),
    min_notional=Decimal(0),
    max_leverage=125,
    maker_fee=Decimal("0.0002"),
    taker_fee=Decimal("0.0006"),
)
FREE: dict[str, Any] = {
    "risk.order_spacing_s": 0.0,
    "risk.orders_per_minute": 1_000_000,
    "risk.require_stop": False,
    "risk.cooldown_s": 0.0,
    "risk.min_reward_risk": 0.1,
    "risk.total_at_risk_pct": 90.0,
    "risk.max_drawdown_pct": 90.0,
    "risk.weekly_loss_pct": 80.0,
    "risk.daily_loss_pct": 70.0,
}
"""A gate that lets nearly everything through; the careful one is the ``backtest`` profile as it ships."""


class BracketParams(Params, frozen=True):
    every: Annotated[int, Meta(ge=1)] = 7
    qty: Decimal = Decimal("0.05")


class Brackets(Strategy[BracketParams]):
    """Every so many candles a limit off the close, by turns long and short, with stop, target and a time to live."""

    name = "brackets"
    params_type = BracketParams

    def __init__(self, params: BracketParams) -> None:
        super().__init__(params)
        self._seen = 0
        self._width = 0.0

    def observe(self, candle: Candle) -> None:
        self._seen += 1
        self._width += (candle.high - candle.low - self._width) / 16

    def decide(self, candle: Candle, view: View) -> list[Intent]:
        if self._seen < 30 or self._seen % self.params.every or not view.flat or view.pending:
            return self.wait(view, "not now")
        turn = self._seen // self.params.every
        up, width = (1 if turn % 2 else -1), max(self._width, 1.0)
        price = candle.close - up * width * (turn % 4) / 4
        self.why = f"turn {turn}"
        return [
            Intent(
                side="BUY" if up > 0 else "SELL", kind="LIMIT", price=price, stop=price - up * 2 * width,
                target=price + up * 3.5 * width, qty=self.params.qty, post_only=turn % 5 == 0, expires_bars=5, why=self.why,
            )
        ]  # fmt: skip


STRATEGIES: dict[str, Callable[[bool], Strategy[Any]]] = {
    "ma_cross": lambda free: registry.build("ma_cross", {"stop_atr": 0.0 if free else 3.0}),
    "ribbon": lambda _: registry.build("ribbon", {}),
    "sweep": lambda _: registry.build("sweep", {"trend": "any", "min_rr": 0.5}),
    "brackets": lambda _: Brackets(BracketParams()),
}
"""By whether the gate is ``free``, which alone lets a position without a stop through."""


class Rules(NamedTuple):
    """``free``: without the limits of pace and loss. ``pays``: funding is settled."""

    fill: FillModel
    free: bool
    pays: bool


RULES: dict[str, Rules] = {
    "next_open": Rules(FillModel(market="next_open"), free=True, pays=False),
    "same_close": Rules(
        FillModel(market="same_close", slippage="random", slippage_bps=1.5, spread_bps=1.0, intrabar="random", touch=True),
        free=False,
        pays=True,
    ),
    "next_close": Rules(
        FillModel(
            market="next_close", slippage="volume_scaled", slippage_bps=0.7, spread_bps=2.0, latency_ms=250.0,
            volume_share_pct=0.5, intrabar="optimistic",
        ),
        free=True,
        pays=True,
    ),
}  # fmt: skip
CASES = [(data, rule) for data in MADE for rule in RULES]
"""One file of results each, with all strategies."""


def profile(rules: Rules, place: Path) -> Profile:
    """The shipped ``backtest`` profile; nothing of the user's own is read."""
    return load("backtest", home(place, {}), FREE if rules.free else {}).profile


def run(data: str, rule: str, strategy: str, place: Path, fidelity: Fidelity = "fast", **more: Any) -> Result:
    rules = RULES[rule]
    return backtest(
        market(data), STRATEGIES[strategy](rules.free), profile=profile(rules, place), fill=rules.fill, instrument=COIN, seed=5,
        funding=funding(data) if rules.pays else (), fidelity=fidelity, **more,
    )  # fmt: skip


def kept(result: Result) -> dict[str, Any]:
    """The numbers of a run, exact: money as text, and a digest of everything that is too long to read."""
    state = result.state
    return {
        "pnl": f"{result.pnl:f}",
        "fees": f"{result.fees:f}",
        "funding": f"{result.funding:f}",
        "wallet": f"{state.account.wallet:f}",
        "orders": dict(sorted(Counter(f"{o.role} {o.status}" for o in result.orders).items())),
        "fills": {"taker": sum(not f.maker for f in result.fills), "maker": sum(f.maker for f in result.fills)},
        "trades": {"won": sum(t.pnl > 0 for t in result.trades), "lost": sum(t.pnl <= 0 for t in result.trades)},
        "rejections": dict(sorted(result.rejections.items())),
        "holds": {s: f"{p.qty:f}" for s, p in sorted(state.positions.items()) if p.qty},
        "last fill": _words(result.fills[-1:]),
        "last trade": _words(result.trades[-1:]),
        "digests": {
            "orders": _digest(result.orders),
            "fills": _digest(result.fills),
            "trades": _digest(result.trades),
            "refusals": _digest(result.refusals),
            "equity": sha256(",".join(map(repr, result.equity)).encode()).hexdigest()[:16],
            "state": _digest([state.account, state.risk, *_by_name(state.positions), *_by_name(state.orders)]),
        },
    }


def text_of(data: str, rule: str, place: Path) -> str:
    """The golden file of a case."""
    rules = RULES[rule]
    return _json(
        {
            "data": {"name": data, "sha256": market(data).digest, "rows": len(market(data).candles)},
            "fill": {k: v for k, v in msgspec.to_builtins(rules.fill).items() if v != getattr(FillModel(), k)},
            "gate": "free" if rules.free else "careful",
            "funding": len(funding(data)) if rules.pays else 0,
            "results": {strategy: kept(run(data, rule, strategy, place)) for strategy in STRATEGIES},
        }
    )


def golden(data: str, rule: str) -> Path:
    return RESULTS / f"{data}-{rule}.json"


def _json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


def _by_name(rows: dict[str, Any]) -> list[Any]:
    return [rows[name] for name in sorted(rows)]


def _words(rows: list[Any]) -> list[str]:
    """A row's fields as ``name value``."""
    return [f"{name} {value}" for row in rows for name, value in _set(row)]


def _digest(rows: Iterable[Any]) -> str:
    """Of every field that a run has set, by its name; a field that is new and unused changes nothing."""
    found = sha256()
    for row in rows:
        for name, value in _set(row):
            found.update(f"{name}={value};".encode())
    return found.hexdigest()[:16]


def _set(row: Any) -> Iterator[tuple[str, str]]:
    for name, default in _fields(type(row)):
        value = getattr(row, name)
        if value != default:
            yield name, _plain(value)


@cache
def _fields(kind: type[msgspec.Struct]) -> list[tuple[str, Any]]:
    """Every field's name and default."""
    return [
        (f.name, f.default_factory() if callable(f.default_factory) else f.default)
        for f in msgspec.structs.fields(kind)
    ]


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dict):
        return ",".join(f"{k}:{_plain(v)}" for k, v in sorted(value.items()))
    if isinstance(value, list | tuple | set):
        return ",".join(map(_plain, value))
    return repr(value)
