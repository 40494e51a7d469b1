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
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import msgspec

from engine.core.trader import Trader
from engine.journal.codec import MAX_PAYLOAD
from engine.model import events as ev
from engine.model.errors import CockpitError
from engine.model.fill_settings import FillModel
from engine.model.market import MINUTE_NS, Instrument
from engine.model.orders import ZERO, Fill, Order, Trade
from engine.model.settings import Profile, SymbolLimits
from engine.model.state import State
from engine.runner.data import Bars, bars
from engine.runner.drive import Drive
from engine.runner.terms import BTCUSDT, terms_of
from engine.sim.paper import Funding, PaperVenue
from engine.strategies import registry
from engine.strategies.base import Strategy

__all__ = ["BTCUSDT", "Fidelity", "Result", "backtest", "limit", "run_id", "source_of"]

Fidelity = Literal["fast", "realistic"]
NEVER_S = 1e10
"""Three centuries: a simulated venue has nothing to tell between its own answers, so it is not polled."""


@dataclass(slots=True)
class Result:
    """What a run gave. Money is exact; ``equity`` is the curve at the closes (float, one value a bar).

    ``pnl`` is the final equity at the last close less the cash, fees and funding included. ``config`` is JSON with all that the
    result depends on (``config_hash``), the data by its ``data_hash``; it reproduces every digit, and ``run_id`` is made of it.
    """

    run_id: str
    config: str
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
    source: str = "",
    files: Sequence[str] = (),
) -> Result:
    """Run a strategy over one-minute candles and give its result. ``data`` is what ``engine.runner.data.bars`` takes (a frame,
    columns, rows, candles), the path of a file, or a symbol of the candle store.

    ``profile`` is a loaded profile or the name of one (``backtest``); its risk gate judges every order and, without ``fill``, its
    fill settings hold. ``funding`` is a table of (UTC nanoseconds, rate as a fraction per settlement), oldest first. ``journal``
    is a new file for the recording of all decisions. ``fidelity`` "realistic" sends every bar through the trader, "fast" only
    those in which something can happen: the results are the same. ``notes`` also records why nothing was done, bar by bar.
    ``progress`` hears of bar numbers. ``source`` says where the data can be read again when the recording is opened (a file or
    a symbol of the store), ``files`` names the strategies' parameter files; neither is part of the run's identity.

    Raises CockpitError: bad data, an unknown strategy or parameter, a journal that cannot be written.
    """
    taken, source, symbol = _taken(data, source)
    instrument = instrument or terms_of(symbol, taken.candles)
    rules = _profile(profile, instrument.symbol)
    model = fill or rules.fill
    wallet = cash if isinstance(cash, Decimal) else Decimal(str(cash))
    asked = _strategies(strategy, params)
    funding = _within(funding, taken)
    config = _config(rules, asked, model, instrument, wallet, funding, seed, taken, notes=notes)
    told = _told(config, source, files)
    if journal is not None and len(told) > MAX_PAYLOAD // 2:
        raise CockpitError(
            f"the run's configuration has {len(told):,} bytes", "funding", "fewer rates fit into a recording"
        )
    trader = Trader(rules, {instrument.symbol: asked})
    trader.notes = trader.state.keep_log = notes
    venue = PaperVenue(
        [instrument], model, wallet, seed=seed, currency=instrument.quote, leverage=rules.trading.leverage, reports=False,
        funding={instrument.symbol: funding},
    )  # fmt: skip
    from engine.runner.record import Recorder, RecordError

    recorder = Recorder(Path(journal)) if journal is not None else None
    drive = Drive(trader, venue, taken, instrument.symbol, recorder.append if recorder is not None else None)
    began = time.perf_counter()
    complete = False
    try:
        _run(drive, run_id(config), told, fidelity, notes, progress)
        complete = True
    finally:
        if recorder is not None:
            with nullcontext() if complete else suppress(RecordError):  # what stopped the run is the news
                recorder.close(complete=complete)
    seconds = time.perf_counter() - began
    return _result(drive, config, told, model, wallet, seed, seconds, recorder.path if recorder is not None else None)


def _within(funding: Funding, taken: Bars) -> Funding:
    """The rates that a run can know: the last one before the data, those in it, and when the next one is due."""
    times = [t for t, _ in funding]
    if any(b <= a for a, b in pairwise(times)):
        raise CockpitError("the times of the funding rates are not in order", "funding", "oldest first, each time once")
    first = bisect_right(times, taken.candles[0].open_time)
    return funding[max(0, first - 1) : bisect_right(times, taken.candles[-1].open_time + MINUTE_NS) + 1]


def run_id(config: bytes) -> str:
    """The name of the run that ``config`` leads to."""
    return sha256(config).hexdigest()[:12]


def _run(
    drive: Drive, name: str, config: str, fidelity: Fidelity, notes: bool, progress: Callable[[int], object] | None
) -> None:
    """From the first event to the last. The collector of cycles rests meanwhile: a run makes none."""
    candles, trader, symbol = drive.bars.candles, drive.trader, drive.symbol
    start, end = candles[0].open_time, candles[-1].open_time + MINUTE_NS
    collecting = gc.isenabled()
    gc.disable()
    try:
        drive.take(
            ev.SessionStarted(
                start, name, trader.profile.name, "BACKTEST", "simulated", _versions()["cockpit"], ev.SCHEMA, config, "b"
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


def _taken(data: Any, source: str) -> tuple[Bars, str, str]:
    """The candles, where they can be read again, and their symbol; the last two as far as they are known."""
    if not isinstance(data, str | Path):
        return bars(data), source, ""
    from engine.data.load import candles_from
    from engine.ops.paths import Home, home

    path = Path(data).expanduser()
    loaded = candles_from(str(data), Home(path.parent) if path.is_file() else home())
    return bars(loaded.candles), source or source_of(str(data)), loaded.symbol


def source_of(what: str) -> str:
    """How a recording names the data: a file by its whole path, a series of the store as it was asked for."""
    path = Path(what).expanduser()
    return str(path.absolute()) if path.is_file() else what


def _profile(profile: Profile | str | None, symbol: str) -> Profile:
    """The profile as a backtest runs it: nobody is asked, nothing is polled, and ``symbol`` has limits."""
    if isinstance(profile, Profile):
        rules = profile
    else:
        from engine.ops.config import load

        rules = load(profile or "backtest").profile
        limit(rules, symbol)
    if symbol not in rules.risk.symbols:
        raise CockpitError(f"the profile {rules.name} has no limits for {symbol}", "risk.symbols")
    return msgspec.structs.replace(
        rules,
        symbols=[symbol],
        trading=msgspec.structs.replace(rules.trading, approval="auto"),
        venue=msgspec.structs.replace(rules.venue, poll_account_s=NEVER_S),
    )


def limit(rules: Profile, symbol: str) -> bool:
    """Give a symbol that the profile does not know limits that never bind; False if it has its own."""
    if symbol in rules.risk.symbols:
        return False
    widest = SymbolLimits(max_quantity=Decimal(10) ** 9, max_position=Decimal(10) ** 9)
    rules.risk.symbols = {**rules.risk.symbols, symbol: widest}
    return True


def _strategies(
    strategy: str | Strategy[Any] | type[Strategy[Any]] | Sequence[Strategy[Any]], params: Mapping[str, Any] | None
) -> list[Strategy[Any]]:
    try:
        found = _built(strategy, params)
        for one in found:
            registry.check_environment(one, "backtest")
    except registry.StrategyError as error:
        raise CockpitError(error.message, error.path) from error
    return found


def _built(
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
    funding: Funding, seed: int, taken: Bars, *, notes: bool,
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
            "notes": notes,
            "funding": {
                "rows": len(table),
                "sha256": sha256(msgspec.json.encode(table)).hexdigest() if table else "",
                "table": table,
            },
            "versions": _versions(),
        }
    )


def _told(config: bytes, source: str, files: Sequence[str]) -> str:
    """What the recording says of the run: its config, and where the data and the parameters were read."""
    if not source and not files:
        return config.decode()
    whole = msgspec.json.decode(config)
    whole["data"]["source"] = source
    for strategy, file in zip(whole["strategies"], files, strict=False):
        strategy["file"] = file
    return msgspec.json.encode(whole).decode()


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
    drive: Drive,
    config: bytes,
    told: str,
    model: FillModel,
    cash: Decimal,
    seed: int,
    seconds: float,
    path: Path | None,
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
        config=told,
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
