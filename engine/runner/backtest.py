"""``backtest``: data and a strategy in, a result out. The five lines of a notebook::

from engine import backtest
result = backtest(frame, "ma_cross", params={"fast": 10, "slow": 30})
print(result)
result.trades, result.rejections, result.equity
"""

from __future__ import annotations

import gc
import platform
import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import msgspec

from engine.core.trader import Trader
from engine.model import events as ev
from engine.model.errors import CockpitError
from engine.model.fill_settings import FillModel
from engine.model.market import MINUTE_NS, Instrument
from engine.model.orders import ZERO, Fill, Order, Trade
from engine.model.settings import Profile, SymbolLimits
from engine.model.state import State
from engine.runner.data import Bars, bars
from engine.runner.drive import Drive
from engine.sim.paper import Funding, PaperVenue
from engine.strategies import registry
from engine.strategies.base import Strategy

Fidelity = Literal["fast", "realistic"]
NEVER_S = 1e10
"""Three centuries: a simulated venue has nothing to tell between its own answers, so it is not polled."""

BTCUSDT = Instrument(
    symbol="BTCUSDT",
    base="BTC",
    quote="USDT",
    tick=Decimal("0.01"),
    step=Decimal("0.0001"),
    min_qty=Decimal("0.0001"),
    max_limit_qty=Decimal(1000),
    max_market_qty=Decimal(120),
    min_notional=ZERO,
    max_leverage=125,
    maker_fee=Decimal("0.0002"),
    taker_fee=Decimal("0.0006"),
)


@dataclass(slots=True)
class Result:
    """What a run gave. Money is exact; ``equity`` is the curve at the closes (float, one value a bar).

    ``pnl`` is the final equity at the last close less the cash, fees and funding included; ``versions``, ``config_hash``,
    ``data_hash`` and ``seed`` together reproduce every digit, and ``run_id`` is made of them.
    """

    run_id: str
    config_hash: str
    data_hash: str
    seed: int
    versions: dict[str, str]
    rule: str
    model: FillModel
    assumptions: list[str]
    symbol: str
    rows: int
    start_t: int
    end_t: int
    cash: Decimal
    pnl: Decimal
    fees: Decimal
    funding: Decimal
    trades: list[Trade]
    orders: list[Order]
    fills: list[Fill]
    rejections: dict[str, int]
    refusals: list[ev.Refused]
    equity: array[float]
    state: State
    seconds: float
    steps: int
    quiet: int
    recording: Path | None = None

    @property
    def entries(self) -> int:
        """Entry orders that were sent: one for every flip of a strategy that is always in the market."""
        return sum(1 for order in self.orders if order.role == "entry" and order.sent_t)

    @property
    def counts(self) -> dict[str, int]:
        return {
            "bars": self.rows,
            "orders": len(self.orders),
            "entries": self.entries,
            "fills": len(self.fills),
            "trades": len(self.trades),
            "rejections": sum(self.rejections.values()),
        }

    def __str__(self) -> str:
        counts = ", ".join(f"{value:,} {name}" for name, value in self.counts.items())
        lines = [
            f"run {self.run_id}: {self.symbol}, {counts}",
            f"pnl {self.pnl:+f} (fees {self.fees:f}, funding {self.funding:+f}) on {self.cash:f}",
            *self.assumptions,
        ]
        if self.rejections:
            lines.append("rejections: " + ", ".join(f"{code} {n}" for code, n in sorted(self.rejections.items())))
        return "\n".join(lines)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002
        """What a notebook shows."""
        printer.text(str(self))


def backtest(
    data: Any,
    strategy: str | Strategy[Any] | type[Strategy[Any]] | Sequence[Strategy[Any]],
    *,
    params: Mapping[str, Any] | None = None,
    profile: Profile | str | None = None,
    fill: FillModel | None = None,
    cash: Decimal | float | str = Decimal(10_000),
    instrument: Instrument | None = None,
    funding: Funding = (),
    journal: Path | str | None = None,
    seed: int = 0,
    fidelity: Fidelity = "fast",
    notes: bool = False,
    progress: Callable[[int], object] | None = None,
) -> Result:
    """Run a strategy over one-minute candles (``engine.runner.data.bars`` says in which forms) and give its result.

    ``profile`` is a loaded profile or the name of one (``backtest``); its risk gate judges every order and, without ``fill``, its
    fill settings hold. ``funding`` is a table of
    (UTC nanoseconds, rate as a fraction). ``journal`` is a new file for the recording of all decisions. ``fidelity`` "realistic"
    sends every bar through the trader, "fast" only those in which something can happen: the results are the same. ``notes``
    also records why nothing was done, bar by bar. ``progress`` hears of bar numbers.

    Raises CockpitError: bad data, an unknown strategy or parameter, a journal that cannot be written.
    """
    taken = bars(data)
    instrument = instrument or BTCUSDT
    rules = _profile(profile, instrument.symbol)
    model = fill or rules.fill
    wallet = cash if isinstance(cash, Decimal) else Decimal(str(cash))
    asked = _strategies(strategy, params)
    for one in asked:
        registry.check_environment(one, "backtest")
    config = _config(rules, asked, model, instrument, wallet, funding, seed, taken)
    trader = Trader(rules, {instrument.symbol: asked})
    trader.notes = trader.state.keep_log = notes
    venue = PaperVenue(
        [instrument], model, wallet, seed=seed, currency=instrument.quote, leverage=rules.trading.leverage, reports=False,
        funding={instrument.symbol: funding},
    )  # fmt: skip
    from engine.runner.record import Recorder

    recorder = Recorder(Path(journal)) if journal is not None else None
    drive = Drive(trader, venue, taken, instrument.symbol, recorder.append if recorder is not None else None)
    began = time.perf_counter()
    complete = False
    try:
        _run(drive, config, fidelity, notes, progress)
        complete = True
    finally:
        if recorder is not None:
            recorder.close(complete=complete)
    seconds = time.perf_counter() - began
    return _result(drive, config, model, wallet, seed, seconds, recorder.path if recorder is not None else None)


def _run(
    drive: Drive, config: bytes, fidelity: Fidelity, notes: bool, progress: Callable[[int], object] | None
) -> None:
    """From the first event to the last. The collector of cycles rests meanwhile: a run makes none."""
    candles, trader, symbol = drive.bars.candles, drive.trader, drive.symbol
    start, end = candles[0].open_time, candles[-1].open_time + MINUTE_NS
    name = sha256(config).hexdigest()[:12]
    collecting = gc.isenabled()
    gc.disable()
    try:
        drive.take(
            ev.SessionStarted(
                start, name, trader.profile.name, "BACKTEST", "simulated", _versions()["cockpit"], ev.SCHEMA, config.decode(), "b"
            )
        )  # fmt: skip
        drive.take_all(drive.venue.hello(start))
        if fidelity == "realistic" or notes:
            drive.step_all(progress)
        else:
            drive.run(progress)
        if trader.profile.trading.on_quit == "close":
            drive.venue.at_last()
            drive.take(ev.Command(end, "flatten", "end of data"))
            drive.curve[-1] = float(drive.state.account.wallet)
        drive.take(ev.SessionEnded(end, f"end of data: {len(candles)} bars of {symbol}", True))
    finally:
        if collecting:
            gc.enable()


def _profile(profile: Profile | str | None, symbol: str) -> Profile:
    """The profile as a backtest runs it: nobody is asked, nothing is polled, and ``symbol`` has limits."""
    if isinstance(profile, Profile):
        rules = profile
    else:
        from engine.ops.config import load

        rules = load(profile or "backtest").profile
        if symbol not in rules.risk.symbols:
            widest = SymbolLimits(max_quantity=Decimal(10) ** 9, max_position=Decimal(10) ** 9)
            rules.risk.symbols = {**rules.risk.symbols, symbol: widest}
    if symbol not in rules.risk.symbols:
        raise CockpitError(f"the profile {rules.name} has no limits for {symbol}", "risk.symbols")
    return msgspec.structs.replace(
        rules,
        symbols=[symbol],
        trading=msgspec.structs.replace(rules.trading, approval="auto"),
        venue=msgspec.structs.replace(rules.venue, poll_account_s=NEVER_S),
    )


def _strategies(
    strategy: str | Strategy[Any] | type[Strategy[Any]] | Sequence[Strategy[Any]], params: Mapping[str, Any] | None
) -> list[Strategy[Any]]:
    if isinstance(strategy, str):
        return [registry.build(strategy, dict(params or {}))]
    if isinstance(strategy, type):
        return [strategy(registry.read_params(strategy.params_type, params or {}))]
    if params:
        raise CockpitError("params belong to a strategy's name or class; a strategy that is made has its own", "params")
    return [strategy] if isinstance(strategy, Strategy) else list(strategy)


def _config(
    profile: Profile, strategies: list[Strategy[Any]], model: FillModel, instrument: Instrument, cash: Decimal,
    funding: Funding, seed: int, taken: Bars,
) -> bytes:  # fmt: skip
    """Everything that the result depends on, as JSON; the same input gives the same bytes."""
    table = [(t, str(rate)) for t, rate in funding]
    return msgspec.json.encode(
        {
            "profile": profile,
            "strategies": [{"name": s.name, "file": "", "params": msgspec.to_builtins(s.params)} for s in strategies],
            "data": {
                "symbol": instrument.symbol,
                "sha256": taken.digest,
                "rows": [0, len(taken.candles)],
                "first_t": taken.candles[0].open_time,
                "last_t": taken.candles[-1].open_time,
            },
            "fill": model,
            "instrument": msgspec.structs.asdict(instrument),
            "cash": cash,
            "seed": seed,
            "funding": {"rows": len(table), "sha256": sha256(msgspec.json.encode(table)).hexdigest() if table else ""},
            "versions": _versions(),
        }
    )


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    try:
        own = version("cockpit")
    except PackageNotFoundError:
        own = "0"
    return {"cockpit": own, "python": platform.python_version(), "git": _commit(Path(__file__).parents[2] / ".git")}


def _commit(folder: Path) -> str:
    """The commit that is checked out, where the program runs from a checkout; else empty."""
    try:
        head = (folder / "HEAD").read_text(encoding="ascii").strip()
        ref = head.removeprefix("ref: ")
        return head if ref == head else (folder / ref).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def _result(
    drive: Drive, config: bytes, model: FillModel, cash: Decimal, seed: int, seconds: float, path: Path | None
) -> Result:
    state, candles = drive.state, drive.bars.candles
    read = msgspec.json.decode(config)
    position = state.positions.get(drive.symbol)
    last = Decimal(repr(candles[-1].close))
    open_profit = ZERO
    if position is not None and position.qty:
        worth = last * abs(position.qty)
        open_profit = worth - position.cost if position.qty > 0 else position.cost - worth
    return Result(
        run_id=state.session.id,
        config_hash=sha256(config).hexdigest(),
        data_hash=drive.bars.digest,
        seed=seed,
        versions=read["versions"],
        rule=model.rule,
        model=model,
        assumptions=model.words(),
        symbol=drive.symbol,
        rows=len(candles),
        start_t=candles[0].open_time,
        end_t=candles[-1].open_time + MINUTE_NS,
        cash=cash,
        pnl=state.account.wallet + open_profit - cash,
        fees=state.account.fees,
        funding=state.account.funding,
        trades=drive.trades,
        orders=drive.orders,
        fills=drive.fills,
        rejections=dict(state.rejected),
        refusals=drive.refusals,
        equity=drive.curve,
        state=state,
        seconds=seconds,
        steps=drive.steps,
        quiet=drive.quiet,
        recording=path,
    )
