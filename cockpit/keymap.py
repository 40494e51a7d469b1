"""The user's keys over the defaults, refused before the screen starts when they could not be trusted."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Protocol

from cockpit.actions import DEFAULT, FREE_BEHIND, SITUATIONS, ActionSpec, prior
from engine.model.errors import CockpitError

NAMED = frozenset(
    ["escape", "enter", "tab", "space", "backspace", "delete", "insert", "home", "end", "pageup", "pagedown"]
    + ["up", "down", "left", "right"]
    + [f"f{n}" for n in range(1, 25)]
)
UNSAFE = frozenset(
    ["enter", "ctrl+m", "ctrl+j", "tab", "ctrl+i", "shift+tab", "space", "backspace", "ctrl+h", "escape"]
)
"""Keys that terminals cannot tell apart, or that a hand hits without meaning it: never for anything with consequences."""
SHAPE = re.compile(r"(?:(?:ctrl|alt|shift|super)\+)*(\S[a-z0-9_]*)\Z")


class KeyPress(Protocol):
    """A key event as Textual delivers it."""

    key: str
    character: str | None


def pressed(event: KeyPress) -> str:
    """The name under which the table knows a key: the character itself, or Textual's name."""
    if event.character and event.character.isprintable() and event.character != " " and "+" not in event.key:
        return event.character
    return event.key


def resolve(keymap: Mapping[str, str], specs: Iterable[ActionSpec] = DEFAULT) -> tuple[ActionSpec, ...]:
    """The actions with the user's keys.

    Raises:
        CockpitError: every problem of the keymap in one message.
    """
    known = {spec.id: spec for spec in specs}
    problems = [_unknown(name, known) for name in keymap if name not in known]
    for name, text in keymap.items():
        if name in known:
            keys = _split(text)
            problems += [f"screen.keymap.{name}: {key!r} is not a key" for key in keys if not _is_key(key)]
            known[name] = replace(known[name], keys=keys)
    resolved = tuple(known.values())
    problems += _unsafe(resolved) + _kill(known) + _same_key_answers(resolved) + _clashes(resolved)
    if problems:
        raise CockpitError("; ".join(dict.fromkeys(problems)))
    return resolved


def _split(text: str) -> tuple[str, ...]:
    keys = [","] if text.strip() == "," else [key.strip() for key in text.split(",")]
    return tuple(dict.fromkeys(key for key in keys if key))


def _is_key(key: str) -> bool:
    match = SHAPE.match(key)
    return match is not None and ((len(match[1]) == 1 and match[1].isprintable()) or match[1] in NAMED)


def _unknown(name: str, known: Mapping[str, ActionSpec]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"screen.keymap.{name}: no such action" + (f", did you mean {near[0]}?" if near else "")


def _unsafe(specs: Iterable[ActionSpec]) -> list[str]:
    return [
        f"screen.keymap.{spec.id}: {key} cannot be used for an action with consequences"
        for spec in specs
        for key in spec.keys
        if spec.risk != "view" and key in UNSAFE
    ]


def _kill(known: Mapping[str, ActionSpec]) -> list[str]:
    if all(len(key) == 1 for key in known["kill"].keys):
        return ["screen.keymap.kill: needs a key that is not a character (F9, ctrl+g), it must work while one types"]
    return []


def _same_key_answers(specs: Iterable[ActionSpec]) -> list[str]:
    """The key that opens a question must never be able to answer it."""
    specs = list(specs)
    answers = {
        key: spec.id for spec in specs for key in spec.keys if "dialog" in spec.contexts and spec.risk == "danger"
    }
    return [
        f"screen.keymap: {key} would both open ({spec.id}) and answer ({answers[key]}) a question"
        for spec in specs
        for key in spec.keys
        if spec.opens and key in answers
    ]


def _clashes(specs: Iterable[ActionSpec]) -> list[str]:
    """Two meanings of a key in one situation; the past's keys may cover those of the present, but never kill and pause."""
    problems = []
    for contexts in SITUATIONS.values():
        owners: dict[tuple[bool, str], str] = {}
        for spec in specs:
            tiers = {True, False} if spec.id in FREE_BEHIND else {prior(spec, contexts)}
            for key in spec.keys if contexts.intersection(spec.contexts) else ():
                for tier in tiers:
                    first = owners.setdefault((tier, key), spec.id)
                    if first != spec.id:
                        problems.append(f"screen.keymap: {key} would be both {first} and {spec.id}")
    return problems
