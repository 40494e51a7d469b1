"""Every strategy by its name, and how one is built from a parameter file's ``strategy`` and ``params``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from math import isfinite
from typing import Any

import msgspec

from engine.strategies.base import Params, Strategy
from engine.strategies.ma_cross import MaCross
from engine.strategies.ribbon import Ribbon
from engine.strategies.sweep import Sweep

STRATEGIES: dict[str, type[Strategy[Any]]] = {kind.name: kind for kind in (MaCross, Ribbon, Sweep)}


class StrategyError(ValueError):
    """A strategy that cannot be had. ``path`` is the offending key, dotted from the top of the parameter file."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path
        self.message = message


class UnknownStrategy(StrategyError):
    """No strategy has this name."""


class BadParams(StrategyError):
    """A parameter is unknown, of the wrong type or out of range."""


class WrongEnvironment(StrategyError):
    """The strategy may not run in this mode."""


def build(name: str, params: Mapping[str, Any]) -> Strategy[Any]:
    """A fresh strategy; what ``params`` leaves out has its default. Raises UnknownStrategy or BadParams."""
    kind = STRATEGIES.get(name)
    if kind is None:
        raise UnknownStrategy("strategy", f"unknown strategy {name!r}{nearest(name, STRATEGIES)}")
    return kind(read_params(kind.params_type, params))


def read_params(kind: type[Params], params: Mapping[str, Any]) -> Params:
    """``params`` as ``kind``. Raises BadParams with the value's path and, for an unknown key, the nearest one."""
    defaults = {field.name: field.default for field in msgspec.structs.fields(kind)}
    for key, value in params.items():
        if key not in defaults:
            raise BadParams(f"params.{key}", f"unknown parameter{nearest(str(key), defaults)}")
        if isinstance(value, float) and not isfinite(value):
            raise BadParams(f"params.{key}", f"must be a finite number, is {value}")
    # YAML reads a bare `off` as false.
    words = {key: "off" if value is False and defaults[key] == "off" else value for key, value in params.items()}
    try:
        return msgspec.convert(words, kind)
    except msgspec.ValidationError as error:
        raise BadParams(*_located(str(error), defaults)) from None


def _located(text: str, known: Iterable[str]) -> tuple[str, str]:
    """Path and message of an error: msgspec names the field at the end, a ``__post_init__`` in the first word."""
    message, _, field = text.partition(" - at `$.")
    if field:
        return f"params.{field.rstrip('`')}", message
    first = message.split(" ", 1)[0]
    return f"params.{first}" if first in known else "params", message


def check_environment(strategy: Strategy[Any] | type[Strategy[Any]], mode: str) -> None:
    """Raises WrongEnvironment where ``strategy`` may not run in ``mode`` (a profile's; upper or lower case)."""
    allowed = strategy.environments
    if mode.lower() not in allowed:
        may = ", ".join(sorted(allowed)) or "none"
        raise WrongEnvironment("strategy", f"{strategy.name} may not run in {mode.lower()} (allowed: {may})")


def nearest(word: str, known: Iterable[str]) -> str:
    """`` (did you mean 'x'?)`` for the nearest known word, else the list of the known ones."""
    names = list(known)
    close = get_close_matches(word, names, n=1)
    return f" (did you mean {close[0]!r}?)" if close else f" (known: {', '.join(sorted(names))})"
