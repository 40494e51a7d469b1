"""``cockpit config show``: every setting, its value and where it was set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from engine.model.clean import clean
from engine.ops import config, paths


def show(profile: str, home: Path | None, flags: dict[str, Any], *, as_json: bool) -> int:
    loaded = config.load(profile, paths.home(home), flags)
    values = dict(_flat(msgspec.to_builtins(loaded.profile), ""))
    if as_json:
        settings = {path: {"value": value, "source": _source(loaded, path)} for path, value in values.items()}
        strategies = {s.name: {"file": s.file, "params": s.params} for s in loaded.strategies}
        print(json.dumps({"settings": settings, "strategies": strategies}, indent=1, default=str))
        return 0
    width = max(len(path) for path in values)
    for path, value in values.items():
        print(f"{path:<{width}}  {clean(json.dumps(value), 60):<24}  {clean(_source(loaded, path), 120)}")
    for strategy in loaded.strategies:
        print(f"\nstrategy {strategy.name}  ({clean(strategy.file, 200)})")
        for key, value in strategy.params.items():
            print(f"  {key:<{width - 2}}  {value}")
    return 0


def _flat(value: Any, path: str) -> list[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        return [row for key, inner in value.items() for row in _flat(inner, f"{path}.{key}" if path else str(key))]
    return [(path, value)]


def _source(loaded: config.Loaded, path: str) -> str:
    """Where the value was set, or the nearest mapping that holds it."""
    while path:
        if path in loaded.sources:
            return loaded.sources[path]
        path = path.rpartition(".")[0]
    return "default"
