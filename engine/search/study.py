"""A study: Optuna proposes points from what the ones before gave.

The same seed proposes the same points on any number of cores: results are told in the order in which the points were asked for,
and point k is asked for when the result of k − ``LAG`` has been told. A study is therefore resumed by asking for everything
again: what the store knows is told at once, and the study goes on exactly as if it had never stopped.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

from engine.model.errors import CockpitError
from engine.search.space import Bad, Range, checked
from engine.strategies.base import Params

LAG = 16
"""Points that run at the same time at most. More would keep more cores busy and let the sampler know less."""
SAMPLERS = ("tpe", "random")
HINT = "pip install 'cockpit[search]'"


def optuna() -> Any:
    """The library, quiet. Raises CockpitError where it is not installed."""
    try:
        import optuna as library
    except ImportError:
        raise CockpitError("a study needs Optuna, which is not installed", "", HINT) from None
    library.logging.set_verbosity(library.logging.ERROR)
    return library


def begin(sampler: str, seed: int) -> Any:
    """A study in memory. Raises CockpitError for an unknown sampler."""
    library = optuna()
    if sampler not in SAMPLERS:
        raise CockpitError(f"unknown sampler {sampler[:40]!r}", "", f"known: {', '.join(SAMPLERS)}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", library.exceptions.ExperimentalWarning)
        made = (
            library.samplers.TPESampler(seed=seed, constant_liar=True)
            if sampler == "tpe"
            else library.samplers.RandomSampler(seed=seed)
        )
    return library.create_study(direction="maximize", sampler=made)


def suggest(trial: Any, ranges: tuple[Range, ...]) -> dict[str, Any]:
    """The trial's point as plain values."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # a step that does not divide a range ends below it: so does a grid's
        return {r.name: _suggested(trial, r) for r in ranges}


def _suggested(trial: Any, r: Range) -> Any:
    if r.kind == "choice":
        return trial.suggest_categorical(r.name, r.choices)
    if r.kind == "int":
        return trial.suggest_int(r.name, int(r.low), int(r.high), step=int(r.step))
    value = trial.suggest_float(r.name, r.low, r.high, step=r.step or None)
    return repr(value) if r.kind == "decimal" else value


Result = tuple[float | None]
"""What a point is worth; None inside: not defined there."""


def seek(
    kind: type[Params],
    ranges: tuple[Range, ...],
    base: Mapping[str, Any],
    trials: int,
    sampler: str,
    seed: int,
    start: Callable[[int, dict[str, Any]], Result | None],
    wait: Callable[[], tuple[list[int], Result]],
) -> list[Bad]:
    """Try ``trials`` points; those that the strategy refuses are given back.

    ``start(n, params)`` begins point n, or gives its result where that is known; ``wait`` gives the next result and the
    numbers of the points that it belongs to.
    """
    study = begin(sampler, seed)
    failed = optuna().trial.TrialState.FAIL
    asked: list[Any] = []
    known: dict[int, Result] = {}
    bad: list[Bad] = []
    told = 0
    while told < trials:
        while len(asked) < trials and len(asked) - told < LAG:
            trial = study.ask()
            point = checked(kind, suggest(trial, ranges), base)
            asked.append(trial)
            if isinstance(point, Bad):
                bad.append(point)
                result: Result | None = (None,)
            else:
                result = start(len(asked) - 1, point)
            if result is not None:
                known[len(asked) - 1] = result
        while told not in known:
            numbers, result = wait()
            known |= dict.fromkeys(numbers, result)
        (value,) = known.pop(told)
        if value is None:
            study.tell(asked[told], state=failed)
        else:
            study.tell(asked[told], value)
        told += 1
    return bad
