"""The effective profile: files (``_extends``), then the environment, then flags; every value knows where it came from."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from engine.model.settings import Profile
from engine.ops import checks, shape
from engine.ops.paths import Home
from engine.ops.yaml_file import ConfigError, Leaves, read
from engine.strategies import registry

__all__ = ["ConfigError", "Loaded", "LoadedStrategy", "as_json", "available", "load"]

PREFIX = "COCKPIT_"
RESERVED = frozenset({"COCKPIT_HOME", "COCKPIT_CONFIG_DIR", "COCKPIT_API_KEY", "COCKPIT_API_SECRET"})
"""Variables of ours that are no settings."""
FIXED = frozenset({"name", "mode"})
"""What only a profile's file decides: a variable left over in a shell must not turn a demo into live trading."""

is_name = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}").fullmatch


@dataclass(frozen=True, slots=True)
class LoadedStrategy:
    """``name`` is the registry's, ``file`` the parameter file, ``params`` complete and of plain values."""

    name: str
    file: str
    params: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Loaded:
    """``sources`` gives for every dotted path a ``file:line``, ``environment NAME`` or ``flag``."""

    profile: Profile
    sources: dict[str, str]
    strategies: list[LoadedStrategy]


def load(
    name: str,
    home: Home | None = None,
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Loaded:
    """The profile ``name`` with all that overrides it. ``flags`` maps dotted paths to values, or to text as typed.

    ConfigError names the first value that is wrong, and where it was set.
    """
    environ = os.environ if environ is None else environ
    folders = search_path(home, environ)
    leaves = _profile_leaves(name, folders)
    if ("name",) in leaves:
        raise ConfigError("name: a profile is named by its file", leaves["name",][1], "remove the line")
    leaves["name",] = (name, "file name")
    for path, value, source in (*_from_environment(environ, leaves), *_from_flags(flags or {}, leaves)):
        overlay(leaves, {path: (value, source)})
    profile = shape.build(leaves, Profile, f"profile {name}")
    sources = {".".join(path): source for path, (_, source) in leaves.items()}
    checks.check(profile, sources)
    strategies = [_strategy(file, profile, folders, sources) for file in profile.strategies]
    return Loaded(profile, sources, strategies)


def as_json(loaded: Loaded) -> str:
    """``profile`` and ``strategies`` for the journal's first event: all that a run depends on, and never a secret."""
    return msgspec.json.encode({"profile": loaded.profile, "strategies": loaded.strategies}).decode()


# --- files --------------------------------------------------------------------------------------------------------


def search_path(home: Home | None, environ: Mapping[str, str]) -> list[Path]:
    """Folders of profiles, the first wins: the user's own, then ``COCKPIT_CONFIG_DIR`` or what came with the program."""
    folders = [home.config] if home else []
    if given := environ.get("COCKPIT_CONFIG_DIR"):
        folder = Path(given).expanduser()
        if not folder.is_dir():
            raise ConfigError("there is no such folder", given, "COCKPIT_CONFIG_DIR names a folder of profiles")
        return [*folders, folder]
    return [*folders, shipped()]


@cache
def shipped() -> Path:
    """The wheel carries ``config/`` inside ``cockpit``; in a checkout it lies beside the packages."""
    root = Path(__file__).resolve().parents[2]
    packaged = root / "cockpit" / "config_files"
    return packaged if packaged.is_dir() else root / "config"


def available(home: Home | None = None, environ: Mapping[str, str] | None = None) -> list[str]:
    """Names of the profiles that can be loaded."""
    folders = search_path(home, os.environ if environ is None else environ)
    names = {file.stem for folder in folders if folder.is_dir() for file in folder.glob("*.yaml")}
    return sorted(names - {"base"})


def _profile_leaves(name: str, folders: list[Path]) -> Leaves:
    """A file over the one that it extends, and so on down to the base."""
    chain: list[Leaves] = []
    visited: list[Path] = []
    where = ""
    while True:
        path = _find(name, folders, visited, where)
        if path in visited:
            names = " → ".join(file.stem for file in [*visited, path])
            raise ConfigError(f"_extends goes in a circle: {names}", where)
        visited.append(path)
        leaves = read(path)
        chain.append(leaves)
        parent, where = leaves.pop(("_extends",), (None, ""))
        if parent is None:
            break
        if not isinstance(parent, str):
            raise ConfigError("_extends: one profile's name is expected", where)
        name = parent
    merged: Leaves = {}
    for leaves in reversed(chain):
        overlay(merged, leaves)
    return merged


def _find(name: str, folders: list[Path], visited: list[Path], where: str) -> Path:
    """The first folder's file. A user's ``demo`` that extends ``demo`` means the one that it hides."""
    if not is_name(name):
        raise ConfigError(f"{name[:80]!r} is no name of a profile", where, "letters, digits, - and _")
    files = [folder / f"{name}.yaml" for folder in folders]
    found = [file for file in files if file.is_file()]
    if not found:
        known = {file.stem for folder in folders if folder.is_dir() for file in folder.glob("*.yaml")}
        raise ConfigError(f"there is no profile {name!r}", where, shape.nearest(name, known))
    hidden = found[found.index(visited[-1]) + 1 :] if visited and visited[-1] in found else []
    return (hidden or found)[0]


def overlay(under: Leaves, over: Leaves) -> None:
    """Put ``over`` on ``under``: a value hides a section of that name, a section hides a value; lists are replaced."""
    for path, leaf in over.items():
        for old in [old for old in under if old[: len(path)] == path or path[: len(old)] == old]:
            del under[old]
        under[path] = leaf


def _strategy(name: str, profile: Profile, folders: list[Path], sources: Mapping[str, str]) -> LoadedStrategy:
    where = sources.get("strategies", "")
    files = [folder / "strategies" / f"{name}.yaml" for folder in folders] if is_name(name) else []
    path = next((file for file in files if file.is_file()), None)
    if path is None:
        known = {file.stem for folder in folders for file in (folder / "strategies").glob("*.yaml")}
        raise ConfigError(f"strategies: there are no parameters for {name[:80]!r}", where, shape.nearest(name, known))
    leaves = read(path)
    kind, kind_where = leaves.pop(("strategy",), (None, str(path)))
    if not isinstance(kind, str):
        raise ConfigError("strategy: the name of a strategy is expected", kind_where)
    params: dict[str, Any] = {}
    for key, (value, key_where) in leaves.items():
        if key[0] != "params" or len(key) > 2 or (len(key) == 1 and value != {}):
            hint = "a parameter file has strategy: and params:"
            raise ConfigError(f"{'.'.join(key)}: unknown setting", key_where, hint)
        if len(key) == 2:
            params[key[1]] = value
    try:
        strategy = registry.build(kind, params)
        registry.check_environment(strategy, profile.mode)
    except registry.StrategyError as error:
        place = leaves.get(tuple(error.path.split(".")), (None, kind_where))[1]
        raise ConfigError(f"{error.path}: {error.message}", place) from error
    return LoadedStrategy(kind, str(path), msgspec.to_builtins(strategy.params))


# --- overrides ----------------------------------------------------------------------------------------------------

Override = tuple[tuple[str, ...], Any, str]


def _from_environment(environ: Mapping[str, str], leaves: Leaves) -> Iterable[Override]:
    """``COCKPIT_RISK__MAX_LEVERAGE=3`` and the like; variables that only begin like ours are left alone."""
    sections = tuple(f"{PREFIX}{section.upper()}" for section in shape.fields(Profile))
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or variable in RESERVED:
            continue
        if "__" not in variable and not variable.startswith(sections):
            continue
        parts = tuple(part.lower() for part in variable.removeprefix(PREFIX).split("__"))
        path = shape.respelled(parts, leaves)
        source = f"environment {variable}"
        hint = shape.unknown(path, Profile)
        if hint is not None:
            if "__" not in variable:
                hint = f"sections end in two underscores: {PREFIX}SECTION__KEY"
            raise ConfigError(f"{'.'.join(path)}: unknown setting", source, hint)
        yield path, _overriding(path, environ[variable], source), source


def _from_flags(flags: Mapping[str, Any], leaves: Leaves) -> Iterable[Override]:
    for dotted, value in flags.items():
        path = shape.respelled(tuple(dotted.split(".")), leaves)
        source = f"flag {dotted}"
        hint = shape.unknown(path, Profile)
        if hint is not None:
            raise ConfigError(f"{dotted}: unknown setting", source, hint)
        yield path, _overriding(path, value, source), source


def _overriding(path: tuple[str, ...], value: Any, source: str) -> Any:
    if path[0] in FIXED:
        raise ConfigError(f"{path[0]} is decided by the profile's file alone", source, "choose another profile")
    return shape.from_text(path, value, Profile, source) if isinstance(value, str) else value
