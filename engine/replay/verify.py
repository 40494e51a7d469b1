"""Would today's code decide the same? The recorded inputs go through a new trader, and every decision is compared."""

from __future__ import annotations

import gc
from collections.abc import Callable
from itertools import zip_longest
from time import perf_counter
from typing import Any

import msgspec

from engine.core.trader import Trader
from engine.journal.recording import Recording, RecordingError
from engine.model import events as ev
from engine.model.settings import Profile
from engine.strategies import registry
from engine.strategies.base import Strategy
from engine.strategies.registry import StrategyError

MAX_DIFFERENCES = 200
"""Differences that are kept; more are only counted: after the first one a session goes another way."""
PROGRESS_EVERY = 20_000
_DECISIONS = frozenset(ev.DECISIONS)


class Difference(msgspec.Struct, frozen=True):
    """Where recorded and present decisions part. ``seq`` is the recorded number (of the input, for one that is new).

    None stands for no decision.
    """

    seq: int
    recorded: ev.Event | None
    now: ev.Event | None


class Verdict(msgspec.Struct):
    """``differing`` counts all differences; ``damage`` is what could not be read: behind it differences prove nothing."""

    inputs: int = 0
    decisions: int = 0
    differing: int = 0
    differences: list[Difference] = []
    damage: list[str] = []
    seconds: float = 0.0

    @property
    def same(self) -> bool:
        return not self.differing

    @property
    def per_second(self) -> float:
        return (self.inputs + self.decisions) / self.seconds if self.seconds else 0.0


class _Strategy(msgspec.Struct):
    name: str
    params: dict[str, Any] = {}


class Config(msgspec.Struct):
    """``SessionStarted.config``."""

    profile: Profile
    strategies: list[_Strategy]


def config_of(recording: Recording) -> Config:
    """What the session ran with. RecordingError when the recording does not say, or says it in a way of another version."""
    started = next((e for _, e in recording.events(1, 1) if isinstance(e, ev.SessionStarted)), None)
    if started is None:
        raise RecordingError(
            "the recording's first event cannot be read", str(recording.path), "it says what was configured"
        )
    try:
        return msgspec.json.decode(started.config, type=Config)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RecordingError(
            f"the recorded configuration is not one of this version: {error}", str(recording.path)
        ) from error


def trader_of(config: Config) -> Trader:
    """A new trader as the session's was. RecordingError for a strategy that is gone or takes other parameters today."""
    try:
        built: dict[str, list[Strategy[Any]]] = {
            symbol: [registry.build(s.name, s.params) for s in config.strategies] for symbol in config.profile.symbols
        }
    except StrategyError as error:
        raise RecordingError(f"the recorded strategies cannot be had: {error}") from error
    return Trader(config.profile, built)


def verify(
    recording: Recording, trader: Trader | None = None, progress: Callable[[int], None] | None = None
) -> Verdict:
    """Run all recorded inputs and compare. ``trader`` is one with other code or parameters; ``progress`` is told numbers now
    and then. An error of today's core is raised as it is.
    """
    trader = trader_of(config_of(recording)) if trader is None else trader
    verdict = Verdict()
    start = perf_counter()
    collecting = gc.isenabled()
    gc.disable()  # a trader makes no cycles, and the collector would look through every event for them
    try:
        _run(recording, trader, verdict, progress)
    finally:
        if collecting:
            gc.enable()
    verdict.seconds = perf_counter() - start
    verdict.damage = recording.damage
    return verdict


def _run(recording: Recording, trader: Trader, verdict: Verdict, progress: Callable[[int], None] | None) -> None:
    state, step = trader.state, trader.step
    inputs = 0
    now: list[ev.Event] = []
    was: list[tuple[int, ev.Event]] = []
    at = 0
    for seq, event in recording.events():
        if type(event) in _DECISIONS:
            was.append((seq, event))
            continue
        if now or was:
            _compare(verdict, at, was, now)
            was = []
        at = seq
        state.seq = seq - 1  # where it parted before, or an event was lost, the numbers in later decisions still match
        now = step(event)
        inputs += 1
        if progress is not None and seq % PROGRESS_EVERY == 0:
            progress(seq)
    verdict.inputs = inputs
    if was or recording.closed:  # a recording that was torn off may have lost the last decisions
        _compare(verdict, at, was, now)


def _compare(verdict: Verdict, at: int, was: list[tuple[int, ev.Event]], now: list[ev.Event]) -> None:
    verdict.decisions += len(was)
    for recorded, present in zip_longest(was, now):
        seq, before = recorded or (at, None)
        if before == present and type(before) is type(present):
            continue
        verdict.differing += 1
        if len(verdict.differences) < MAX_DIFFERENCES:
            verdict.differences.append(Difference(seq, before, present))
