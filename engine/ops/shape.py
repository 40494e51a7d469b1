"""Values against the types of ``engine.model.settings``: every error names the value's path, its source and what is near."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from difflib import get_close_matches
from functools import cache
from math import isfinite
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from engine.ops.yaml_file import ConfigError, Leaves

T = TypeVar("T", bound=msgspec.Struct)


@cache
def fields(cls: type[msgspec.Struct]) -> dict[str, Any]:
    """Names and types of a section's settings."""
    return get_type_hints(cls, include_extras=True)


def build(leaves: Leaves, cls: type[T], what: str) -> T:
    """The settings of ``leaves``; ConfigError for the first wrong value, else for all that are missing."""
    tree: dict[str, Any] = {}
    for path, (value, source) in leaves.items():
        hint = unknown(path, cls)
        if hint is not None:
            raise ConfigError(f"{'.'.join(path)}: unknown setting", source, hint)
        here = tree
        for part in path[:-1]:
            here = here.setdefault(part, {})
        here[path[-1]] = _convert(path, value, _type_at(path, cls), source)
    if absent := list(_missing(tree, cls, ())):
        raise ConfigError(f"missing: {', '.join(absent)}", what, "every limit must be given")
    return msgspec.convert(tree, cls)


def unknown(path: tuple[str, ...], cls: type[msgspec.Struct]) -> str | None:
    """None for a path that exists, else a hint at the nearest one that does."""
    kind: Any = cls
    for depth, part in enumerate(path):
        kind = _bare(kind)
        if get_origin(kind) is dict:
            kind = get_args(kind)[1]
        elif _is_section(kind):
            if part not in fields(kind):
                return nearest(part, fields(kind), ".".join(path[:depth]))
            kind = fields(kind)[part]
        else:
            return f"{'.'.join(path[:depth])} is one value, not a section"
    return None


def respelled(path: tuple[str, ...], leaves: Leaves) -> tuple[str, ...]:
    """The path as the profile spells it: variables have no case, symbols have."""
    for known in leaves:
        if len(known) >= len(path) and all(a.lower() == b.lower() for a, b in zip(known, path, strict=False)):
            return known[: len(path)]
    if len(path) > 2 and path[:2] == ("risk", "symbols"):
        return (*path[:2], path[2].upper(), *path[3:])
    return path


def from_text(path: tuple[str, ...], text: str, cls: type[msgspec.Struct], source: str) -> Any:
    """A value typed in a shell, read by the type of its setting; a list's items are separated by commas."""
    kind = _type_at(path, cls)
    bare = _bare(kind)
    value: Any = text
    try:
        if get_origin(bare) is list:
            value = [item.strip() for item in text.split(",") if item.strip()]
        elif get_origin(bare) is dict:
            value = msgspec.json.decode(text)
        elif _is_section(bare):
            raise ConfigError(f"{'.'.join(path)}: is a section, not one value", source)
        return msgspec.convert(value, kind, strict=False)
    except msgspec.MsgspecError as error:
        raise _wrong(path, text, kind, error, source) from error


def nearest(word: str, known: Iterable[str], section: str = "") -> str:
    names = sorted(known)
    close = get_close_matches(word, names, n=1, cutoff=0.5)
    if close:
        return f"did you mean {section + '.' if section else ''}{close[0]}?"
    return f"known {'in ' + section + ' ' if section else ''}are {', '.join(names)}" if names else ""


def _type_at(path: tuple[str, ...], cls: type[msgspec.Struct]) -> Any:
    kind: Any = cls
    for part in path:
        bare = _bare(kind)
        kind = get_args(bare)[1] if get_origin(bare) is dict else fields(bare)[part]
    return kind


def _bare(kind: Any) -> Any:
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _convert(path: tuple[str, ...], value: Any, kind: Any, source: str) -> Any:
    bare = _bare(kind)
    section = _is_section(bare)
    if section and value != {}:
        raise ConfigError(f"{'.'.join(path)}: is a section, not one value", source)
    if section:
        return value
    try:
        converted = msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise _wrong(path, value, kind, error, source) from error
    if isinstance(converted, (float, Decimal)) and not isfinite(converted):
        raise ConfigError(f"{'.'.join(path)}: a finite number is expected (got {value})", source)
    return converted


def _wrong(path: tuple[str, ...], value: Any, kind: Any, error: Exception, source: str) -> ConfigError:
    what, _, place = str(error).partition(" - at `$")
    bare = _bare(kind)
    if get_origin(bare) is Literal:
        wants = f"one of {', '.join(map(str, get_args(bare)))} is expected"
    else:
        wants = _TYPE_NAMES.sub(lambda found: _PLAIN[found[1]], what.partition(", got ")[0])
        wants = wants.replace("Expected ", "expected ").replace("`", "")
    shown = repr(value) if isinstance(value, str) else str(value)
    hint = ""
    if isinstance(value, str) and value.lower() in ("yes", "no", "on", "off", "y", "n") and bare is bool:
        hint = "write true or false"
    elif isinstance(value, str) and value.replace("_", "").replace(",", "").replace(".", "").isdigit():
        hint = "write numbers like 1000 or 0.5, without separators and quotes"
    return ConfigError(f"{'.'.join(path)}{place.rstrip('`')}: {wants} (got {shown[:80]})", source, hint)


_PLAIN = {
    "float": "a number",
    "decimal": "a number",
    "int": "a whole number",
    "bool": "true or false",
    "str": "text",
    "array": "a list",
    "object": "a section",
}
_TYPE_NAMES = re.compile(rf"\b({'|'.join(_PLAIN)})\b")


def _missing(tree: Any, cls: Any, path: tuple[str, ...]) -> Iterable[str]:
    bare = _bare(cls)
    if get_origin(bare) is dict and isinstance(tree, dict):
        for key, value in tree.items():
            yield from _missing(value, get_args(bare)[1], (*path, key))
    elif _is_section(bare):
        for field in msgspec.structs.fields(bare):
            if field.name in tree:
                yield from _missing(tree[field.name], fields(bare)[field.name], (*path, field.name))
            elif field.required:
                yield ".".join((*path, field.name))
