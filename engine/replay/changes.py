"""A recorded configuration with other limits, trading rules and strategy parameters, judged like a profile's file."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from engine.model.settings import Profile
from engine.ops import checks, shape
from engine.ops.config import overlay
from engine.ops.yaml_file import ConfigError, Leaves
from engine.replay.verify import Config
from engine.strategies import registry

SECTIONS = ("risk", "trading")
"""What decides and nothing else: addresses, symbols, the mode and the screen stay as they were."""
Change = tuple[str, str, str]
"""Dotted path, value before, value now."""


def changed(config: Config, settings: Mapping[str, str], params: Mapping[str, str]) -> tuple[Config, list[Change]]:
    """``config`` with ``settings`` (dotted path → text) and ``params`` (``name.param`` → text), and what that changed.

    ConfigError for the first one that does not exist, may not be changed or has a wrong value.
    """
    profile, changes = _profile(config.profile, settings)
    strategies = [msgspec.structs.replace(s, params=dict(s.params)) for s in config.strategies]
    for path, text in params.items():
        source = f"--strategy {path}"
        name, dot, param = path.partition(".")
        if not dot or not param:
            raise ConfigError(f"{path}: a strategy and its parameter are expected", source, "like sweep.lookback=15")
        chosen = [s for s in strategies if s.name == name]
        if not chosen:
            hint = shape.nearest(name, {s.name for s in strategies})
            raise ConfigError(f"{name}: the session had no such strategy", source, hint)
        for strategy in chosen:
            before, now = _give(strategy.name, strategy.params, param, text, source)
            changes.append((path, before, now))
    return msgspec.structs.replace(config, profile=profile, strategies=strategies), changes


def _profile(
    profile: Profile,
    settings: Mapping[str, str],
    sections: tuple[str, ...] = SECTIONS,
    allowed: str = "risk.… and trading.… can be changed, and with --strategy parameters of strategies",
) -> tuple[Profile, list[Change]]:
    leaves: Leaves = {}
    _flatten(msgspec.to_builtins(profile, builtin_types=(Decimal,)), (), leaves)
    changes: list[Change] = []
    for dotted, text in settings.items():
        source = f"--set {dotted}"
        path = shape.respelled(tuple(dotted.split(".")), leaves)
        hint = shape.unknown(path, Profile)
        if hint is not None:
            raise ConfigError(f"{dotted}: unknown setting", source, hint)
        if path[0] not in sections:
            raise ConfigError(f"{dotted}: does not belong to what can be changed here", source, allowed)
        value = shape.from_text(path, text, Profile, source)
        before = leaves.get(path, ("", ""))[0]
        overlay(leaves, {path: (value, source)})
        changes.append((".".join(path), str(before), str(value)))
    sources = {".".join(path): source for path, (_, source) in leaves.items()}
    made = shape.build(leaves, Profile, "what-if")
    checks.check(made, sources)
    return made, changes


def _flatten(value: Any, path: tuple[str, ...], leaves: Leaves) -> None:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            _flatten(item, (*path, key), leaves)
    else:
        leaves[path] = (value, "recorded")


def _give(name: str, params: dict[str, Any], param: str, text: str, source: str) -> tuple[str, str]:
    """Put the value into ``params``; gives the value before and now as text."""
    kind = registry.STRATEGIES.get(name)
    if kind is None:
        raise ConfigError(
            f"{name}: this version has no such strategy", source, shape.nearest(name, registry.STRATEGIES)
        )
    if param not in shape.fields(kind.params_type):
        hint = shape.nearest(param, shape.fields(kind.params_type), name)
        raise ConfigError(f"{name}.{param}: unknown parameter", source, hint)
    try:
        before = getattr(registry.read_params(kind.params_type, params), param)
        params[param] = shape.from_text((param,), text, kind.params_type, source)
        now = getattr(registry.read_params(kind.params_type, params), param)
    except registry.StrategyError as error:
        raise ConfigError(f"{name}.{error.path.removeprefix('params.')}: {error.message}", source) from error
    return str(before), str(now)


def with_fill(profile: Profile, settings: Mapping[str, str]) -> tuple[Profile, list[Change]]:
    """``profile`` with other ``fill.…`` settings and nothing else; ConfigError as ``changed``."""
    return _profile(profile, settings, ("fill",), "only fill.… can be changed")
