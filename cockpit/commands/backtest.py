"""``cockpit backtest``: from what was asked for to a result on the screen, its files, and a recording among the sessions."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, get_args

from cockpit.cli.options import flags_of
from cockpit.commands import backtest_files as files
from cockpit.commands.backtest_result import lines, to_json
from engine.journal.schema import SIDE_FILES
from engine.model.market import Instrument
from engine.model.settings import Profile
from engine.ops import config, paths, shape
from engine.ops.yaml_file import ConfigError, scalar
from engine.runner.backtest import Fidelity, backtest, limit, source_of
from engine.runner.data import Bars
from engine.runner.terms import BTCUSDT, terms_of
from engine.strategies import registry

INTERRUPTED = 130
LEFT_BEHIND_S = 86_400
"""A draft of that age belongs to a run that was killed."""
LOOKS = 500
"""So often a run's progress is shown at most."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The options as they were typed; empty is not given."""

    strategy: str
    data: str
    profile: str
    params: list[str]
    from_: str
    to: str
    fidelity: str
    cash: str
    fill: str
    settings: list[str]
    funding: Path | None
    seed: int
    out: Path | None
    home: Path | None
    as_json: bool
    report: bool


def run(asked: Asked) -> int:
    """Raises CockpitError; Ctrl+C leaves nothing behind."""
    try:
        return _run(asked)
    except KeyboardInterrupt:
        print("cockpit: interrupted; nothing was written", file=sys.stderr)
        return INTERRUPTED


def _run(asked: Asked) -> int:
    place = paths.home(asked.home)
    profile, chosen = configured(asked, place)
    files.check_free(asked.out)
    taken, symbol = _candles(asked, place)
    funding = _funding(asked.funding)
    terms = terms_of(symbol or profile.symbols[0], taken.candles)
    notes = [_words(terms)] if terms is not BTCUSDT else []
    notes += [] if symbol else [f"Nothing tells the symbol of the data: it is taken as {terms.symbol}."]
    if limit(profile, terms.symbol):
        notes.append(f"The profile {profile.name} has no limits of quantity for {terms.symbol}: none hold.")
    with _draft(place) as draft, _progress(len(taken.candles)) as progress:
        result = backtest(
            taken, chosen.name, params=chosen.params, profile=profile, cash=_cash(asked, profile), instrument=terms,
            funding=funding, journal=draft, seed=asked.seed, fidelity=_fidelity(asked.fidelity), progress=progress,
            source=_source(asked.data, place), files=[chosen.file],
        )  # fmt: skip
        result.assumptions += notes
        stem = Path(chosen.file).stem or chosen.name
        kept = files.keep(result, taken.candles, draft, place, stem, asked.out, _typed() if asked.report else None)
    shown = to_json(result, kept) if asked.as_json else "\n".join(lines(result, kept, stem))
    print(shown)
    return 0


# --- what was asked for -------------------------------------------------------------------------------------------


def configured(asked: Asked, place: paths.Home) -> tuple[Profile, config.LoadedStrategy]:
    """The profile with its overrides, and the strategy with its parameters. ConfigError names what is wrong."""
    flags = flags_of(asked.settings, None, None, None, **{"fill.market": asked.fill or None})
    known = _known(place)
    if not asked.strategy:
        raise ConfigError("which strategy?", "--strategy", f"--strategy NAME: {', '.join(sorted(known))}")
    if asked.strategy not in known:
        raise ConfigError(
            f"there is no strategy {asked.strategy[:60]!r}", "--strategy", shape.nearest(asked.strategy, known)
        )
    from_file = known[asked.strategy]
    loaded = config.load(asked.profile, place, {**flags, "strategies": [asked.strategy] if from_file else []})
    loaded.profile.strategies = [asked.strategy]
    base = loaded.strategies[0] if from_file else config.LoadedStrategy(asked.strategy, "", {})
    params = {**base.params, **_pairs(asked.params)}
    try:
        registry.build(base.name, params)
    except registry.StrategyError as error:
        raise ConfigError(f"{error.path}: {error.message}", "--param" if asked.params else base.file) from error
    return loaded.profile, config.LoadedStrategy(base.name, base.file, params)


def _known(place: paths.Home) -> dict[str, bool]:
    """Names that --strategy takes, and whether each is a parameter file."""
    folders = config.search_path(place, os.environ)
    found = {file.stem: True for folder in folders for file in (folder / "strategies").glob("*.yaml")}
    return {**dict.fromkeys(registry.STRATEGIES, False), **found}


def _pairs(params: list[str]) -> dict[str, Any]:
    pairs: dict[str, Any] = {}
    for item in params:
        name, equals, value = item.partition("=")
        if not equals or not name.strip():
            raise ConfigError(f"--param takes name=value, not {item[:60]!r}", "", "for example: --param fast=10")
        pairs[name.strip()] = scalar(value.strip())
    return pairs


def _cash(asked: Asked, profile: Profile) -> Decimal:
    if not asked.cash:
        return profile.exchange.balance_quote
    try:
        cash = Decimal(asked.cash)
    except InvalidOperation:
        cash = Decimal(0)
    if not (cash.is_finite() and 0 < cash < Decimal("1e15")):
        raise ConfigError(f"an amount over 0 is expected (got {asked.cash[:40]!r})", "--cash")
    return cash


def _fidelity(text: str) -> Fidelity:
    known: tuple[Fidelity, ...] = get_args(Fidelity)
    for one in known:
        if one == text:
            return one
    raise ConfigError(f"{text[:40]!r} is not known", "--fidelity", shape.nearest(text, known))


def _candles(asked: Asked, place: paths.Home) -> tuple[Bars, str]:
    from engine.data.load import candles_from
    from engine.data.moments import moment
    from engine.runner.data import bars

    if not asked.data:
        raise ConfigError("which candles?", "--data", "a file (.csv, .csv.gz, .parquet, a recording) or a symbol")
    _fidelity(asked.fidelity)
    now = time.time_ns()
    first = moment(asked.from_, now) if asked.from_ else None
    last = moment(asked.to, now) if asked.to else None
    if first is not None and last is not None and first >= last:
        raise ConfigError(f"{asked.from_} is not before {asked.to}", "--from")
    loaded = candles_from(asked.data, place, first, last)
    return bars(loaded.candles), loaded.symbol


def _source(what: str, place: paths.Home) -> str:
    inside = place.sessions / what
    return str(inside) if not Path(what).exists() and inside.is_file() else source_of(what)


def _words(terms: Instrument) -> str:
    fees = f"{terms.maker_fee * 100:f} % maker and {terms.taker_fee * 100:f} % taker"
    return f"{terms.symbol} has a tick of {terms.tick:f}, a step of {terms.step:f} and fees of {fees}, as nobody said others."


def _funding(path: Path | None) -> list[tuple[int, Decimal]]:
    if path is None:
        return []
    from engine.runner.funding_file import read_funding

    return read_funding(path)


def _typed() -> str:
    return shlex.join(["cockpit", *sys.argv[1:]])


# --- while it runs ------------------------------------------------------------------------------------------------


@contextmanager
def _draft(place: paths.Home) -> Iterator[Path]:
    """Where the recording is written until it is complete; nothing is left of it that was not kept."""
    for old in place.sessions.glob(".backtest-*.part*"):
        with suppress(OSError):
            if time.time() - old.stat().st_mtime > LEFT_BEHIND_S:
                old.unlink()
    draft = place.sessions / f".backtest-{os.getpid()}-{time.time_ns():x}.part"
    try:
        yield draft
    finally:
        for suffix in ("", *SIDE_FILES):
            with suppress(FileNotFoundError):
                Path(f"{draft}{suffix}").unlink()


@contextmanager
def _progress(bars: int) -> Iterator[Callable[[int], object] | None]:
    """A bar on standard error, in a terminal; gone when it is over."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("bars"),
        TimeRemainingColumn(),
    )
    shown = Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False)
    every, due = max(1, bars // LOOKS), 0
    task = shown.add_task("backtest", total=bars)

    def told(row: int) -> None:
        nonlocal due
        if row >= due:
            due = row + every
            shown.update(task, completed=row + 1, refresh=True)

    with shown:
        yield told


__all__ = ["Asked", "configured", "run"]
