"""YAML as far as settings need it: mappings, lists and plain values, each with the line it stands on.

The rules are those of YAML 1.2's core schema, where ``no`` is a word and ``12:30`` is not a number; anchors, tags and a key
given twice are errors. Numbers with a point are Decimals, so that what was written is what is meant.
"""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import yaml

from engine.model.errors import CockpitError

MAX_BYTES = 1 << 20
MAX_DEPTH = 20

Leaves = dict[tuple[str, ...], tuple[Any, str]]
"""Path of every value that is no mapping (or an empty one) → the value and where it comes from (``demo.yaml:12``)."""

_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})").fullmatch
_NUMBER = re.compile(r"[-+]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})([eE][-+]?[0-9]{1,2})?").fullmatch
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_SECRET = re.compile(
    r"(^|_)(secrets?|passwords?|passphrase|tokens?|api_?keys?|private_?keys?)($|_)", re.IGNORECASE
).search


class ConfigError(CockpitError):
    exit_code: ClassVar[int] = 2


def read(path: Path) -> Leaves:
    """The file's values, flat. ConfigError with the line for what is not understood, and for a key that names a secret."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(error.strerror or "cannot be read", str(path)) from error
    except UnicodeDecodeError as error:
        raise ConfigError("this is not a text file (UTF-8)", str(path)) from error
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"the file has more than {MAX_BYTES:,} bytes", str(path))
    try:
        node = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"this is not YAML: {error.problem}", f"{path}{line}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError("this is not YAML", str(path)) from error
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError("the file has no settings", str(path), "write lines like 'key: value'")
    leaves: Leaves = {}
    _Reader(path, leaves).mapping(node, ())
    return leaves


class _Reader:
    def __init__(self, path: Path, leaves: Leaves) -> None:
        self.path = path
        self.leaves = leaves
        self.seen: set[int] = set()

    def mapping(self, node: yaml.MappingNode, path: tuple[str, ...]) -> None:
        self.admit(node, path)
        keys: set[str] = set()
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key_node, yaml.ScalarNode) or not isinstance(key, str) or not key:
                raise self.error(key_node, "a key must be a word")
            if key == "<<":
                raise self.error(key_node, "merge keys are not supported", "use _extends")
            if key in keys:
                raise self.error(key_node, f"{'.'.join((*path, key))} is given twice")
            if _SECRET(key):
                raise self.error(
                    key_node, f"{key} looks like a secret, and secrets are never in a configuration",
                    "put keys into the secrets folder",
                )  # fmt: skip
            keys.add(key)
            inner = (*path, key)
            if isinstance(value_node, yaml.MappingNode) and value_node.value:
                self.mapping(value_node, inner)
            else:
                self.leaves[inner] = (self.value(value_node, inner), f"{self.path}:{key_node.start_mark.line + 1}")

    def value(self, node: yaml.Node, path: tuple[str, ...]) -> Any:
        self.admit(node, path)
        if isinstance(node, yaml.ScalarNode):
            return scalar(node.value) if node.style is None else node.value
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, str(index))) for index, item in enumerate(node.value)]
        if node.value:
            raise self.error(node, f"{'.'.join(path)}: a list may not hold sections")
        return {}

    def admit(self, node: yaml.Node, path: tuple[str, ...]) -> None:
        if id(node) in self.seen:
            raise self.error(node, "anchors and aliases are not supported", "use _extends")
        self.seen.add(id(node))
        if not node.tag.startswith("tag:yaml.org,2002:") or node.tag.rpartition(":")[2] not in ("str", "map", "seq"):
            raise self.error(node, "tags are not supported")
        if len(path) > MAX_DEPTH:
            raise self.error(node, "sections are nested too deep")

    def error(self, node: yaml.Node, what: str, hint: str = "") -> ConfigError:
        return ConfigError(what, f"{self.path}:{node.start_mark.line + 1}", hint)


def scalar(text: str) -> Any:
    """An unquoted value: null, true, false, an int, a Decimal, else the text itself."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INT(text):
        return int(text)
    return Decimal(text) if _NUMBER(text) else text
