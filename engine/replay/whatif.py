"""What if the limits or a strategy's parameters had been others? The recorded market once more, against a simulated venue.

Two runs are made, with the recorded configuration (the control) and with the changed one, so that simulated is compared with
simulated; what was recorded stands beside them. Both are written as recordings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from engine.core.fold import apply
from engine.journal.recording import Recording, RecordingError
from engine.model import events as ev
from engine.model.errors import CockpitError
from engine.model.fill_settings import FillModel
from engine.model.state import State
from engine.replay.answering import APPROVE, Answers, Approve
from engine.replay.changes import Change, changed
from engine.replay.handover import settled
from engine.replay.rerun import PROGRESS_EVERY, Plan, rerun
from engine.replay.sessions import CONTROL, MADE, MARK, SUFFIX, is_whatif
from engine.replay.tally import Outcome, Tally
from engine.replay.verify import Config, config_of
from engine.replay.writing import Writer

PATIENCE_NS = 60_000_000_000
"""How long after the moment that was asked for answers may still be on their way."""
_DECISIONS = frozenset(ev.DECISIONS)


class WhatIf(msgspec.Struct, kw_only=True):
    """``at_seq`` is the event that was asked for (0: the start), ``from_seq`` the last one that is as recorded.

    ``reaction_s`` is the median time that a person took to say yes; ``damage`` what of the recording could not be read.
    """

    session: str
    recording: Path
    at_seq: int
    from_seq: int
    from_t: int
    changes: list[Change]
    approve: Approve
    reaction_s: float
    currency: str
    recorded: Outcome
    control: Outcome
    changed: Outcome
    control_path: Path
    changed_path: Path
    assumptions: list[str]
    damage: list[str]


class _Past(msgspec.Struct):
    """What one reading of the recording gives."""

    outcome: Outcome
    answers: Answers
    handover: int
    handover_t: int
    currency: str
    session: str


def whatif(
    recording_path: Path,
    at_seq: int | None,
    settings: Mapping[str, str],
    strategy_params: Mapping[str, str],
    out: Path | None = None,
    fill: FillModel | None = None,
    progress: Callable[[float], object] | None = None,
    approve: Approve = "always",
) -> WhatIf:
    """Run what is behind event ``at_seq`` again. ``settings`` maps dotted paths to text, ``strategy_params`` ``name.param``.

    The change begins at the first moment from ``at_seq`` on (None: from the start) at which nothing of the account is on its
    way. ``out`` is the changed run's new recording (else a name beside the given one), the control's has ``-control`` added.
    ``progress`` hears shares from 0 to 1.

    ConfigError for what cannot be changed so, RecordingError for what is no recording, CockpitError where it cannot be done.
    """
    target = out or free_name(recording_path.parent, recording_path)
    twin = target.with_name(f"{target.stem}{CONTROL}{target.suffix}")
    model = fill or FillModel()
    with Recording.open(recording_path) as recording:
        config = config_of(recording)
        other, changes = changed(config, settings, strategy_params)
        _check(recording, config)
        last = recording.last
        end = last.seq if last is not None else 0
        told = _told(progress, end)
        past = _read(recording, at_seq, end, told(0))
        outcomes = []
        made: list[Writer] = []
        try:
            for n, (each, path) in enumerate(((config, twin), (other, target)), start=1):
                plan = Plan(recording, past.handover, end, past.answers, approve, model, told(n))
                label = f"{MARK}{CONTROL}" if path is twin else MARK
                started = _started(recording, each, label, changes if path is target else [], plan)
                made.append(Writer(path))
                outcomes.append(rerun(plan, each, started, made[-1]))
                made[-1].close()
        except BaseException:
            for writer in made:
                with suppress(OSError):
                    writer.discard()
            raise
        return WhatIf(
            session=past.session,
            recording=recording_path,
            at_seq=at_seq or 0,
            from_seq=past.handover,
            from_t=past.handover_t,
            changes=changes,
            approve=approve,
            reaction_s=past.answers.usual_ns / 1e9,
            currency=past.currency,
            recorded=past.outcome,
            control=outcomes[0],
            changed=outcomes[1],
            control_path=twin,
            changed_path=target,
            assumptions=_assumptions(model, approve),
            damage=recording.damage,
        )


def free_name(folder: Path, recording: Path) -> Path:
    """A name for a what-if of ``recording`` that nothing in ``folder`` has."""
    n = 1
    while True:
        path = folder / f"{recording.stem}{MARK}{'' if n == 1 else f'-{n}'}{SUFFIX}"
        if not path.exists() and not path.with_name(f"{path.stem}{CONTROL}{SUFFIX}").exists():
            return path
        n += 1


def _check(recording: Recording, config: Config) -> None:
    where = str(recording.path)
    started = next(e for _, e in recording.events(1, 1) if isinstance(e, ev.SessionStarted))
    if config.profile.mode == "BACKTEST":
        hint = "run the backtest again with other parameters"
        raise CockpitError("a backtest's recording refers to its market data and does not hold it", where, hint)
    if is_whatif(started.session):
        raise CockpitError("this is a what-if itself", where, f"run it on the session: {MADE.sub('', started.session)}")


def _read(recording: Recording, at_seq: int | None, end: int, progress: Callable[[int], object]) -> _Past:
    """The recorded outcome, a person's answers, and where to hand over: all in one reading."""
    state, tally, answers = State(), Tally(), Answers()
    handover = handover_t = give_up = 0
    for seq, event in recording.events(1, end):
        if not handover and seq != state.seq + 1:
            what = f"event #{state.seq + 1:,} cannot be read: nobody knows what the account was after it"
            raise RecordingError(what, str(recording.path))
        is_input = type(event) not in _DECISIONS
        if is_input and not handover and seq > (at_seq or 0) and seq > 1:
            if settled(state):
                handover, handover_t = seq - 1, state.t
            elif at_seq is not None and give_up and event.t > give_up:
                break
            elif at_seq is not None and state.account.known:
                give_up = give_up or event.t + PATIENCE_NS
        state.seq = seq - 1
        apply(state, event)
        tally.see(event, state)
        answers.see(event)
        if seq % PROGRESS_EVERY == 0:
            progress(seq)
    if not handover:
        if at_seq is not None and at_seq >= end:
            raise CockpitError("nothing comes after that moment", str(recording.path), "choose an earlier --at")
        what = "the account is not settled there: an answer of the venue is missing for too long"
        raise CockpitError(what, str(recording.path), "choose another --at")
    answers.finish()
    return _Past(tally.outcome(state), answers, handover, handover_t, state.account.currency, state.session.id)


def _started(recording: Recording, config: Config, mark: str, changes: list[Change], plan: Plan) -> ev.SessionStarted:
    """The first event of a run's recording: the recorded one with the run's configuration."""
    first = next(e for _, e in recording.events(1, 1) if isinstance(e, ev.SessionStarted))
    text = msgspec.json.encode(
        {
            "profile": config.profile,
            "strategies": config.strategies,
            "whatif": {
                "session": first.session,
                "from_seq": plan.handover,
                "changes": changes,
                "approve": plan.approve,
                "fill": plan.fill,
            },
        }
    ).decode()
    return msgspec.structs.replace(first, session=f"{first.session}{mark}", config=text)


def _told(progress: Callable[[float], object] | None, end: int) -> Callable[[int], Callable[[int], object]]:
    """Shares of the whole, for each of the three readings of the recording."""

    def part(n: int) -> Callable[[int], object]:
        return lambda seq: progress((n + seq / max(1, end)) / 3) if progress is not None else None

    return part


def _assumptions(model: FillModel, approve: Approve) -> list[str]:
    slippage = model.words()[1].partition(";")[0]
    return [
        f"Approvals: {APPROVE[approve]}.",
        f"Orders are live after {model.latency_ms:g} ms: market orders take the recorded book, limits wait in its queue.",
        f"{slippage}; stops and targets are released by the {model.trigger}.",
        "What our orders take is missing from the book for a second; else they move nothing.",
        "Other commands (pause, kill, close) are repeated at their times.",
    ]


__all__ = ["APPROVE", "Approve", "WhatIf", "free_name", "whatif"]
