"""Small wrong versions of a module: each differs in one place, as a slip of a programmer would make it differ.

A mutant's name holds the function and the change but no line, so that an explanation of it survives what happens elsewhere.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any, NamedTuple

COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
COUNTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
}
CALLED = {"min": "max", "max": "min", "any": "all", "all": "any"}
PLANTED = ast.parse("('0', '0', 'planted')", mode="eval").body


Path = tuple[tuple[str, int | None], ...]
"""Where a node is in its tree: fields, and the places in those that are lists."""


class Mutant(NamedTuple):
    """``owner`` is the function (``Class.method``) that is changed, empty for the module's own statements."""

    name: str
    line: int
    owner: str
    path: Path
    changed: ast.AST


class Place(NamedTuple):
    """A node, and whether it is in a function that answers what a check of the gate answers."""

    owner: str
    node: ast.AST
    found: bool
    path: Path


def mutants(source: str) -> list[Mutant]:
    """All mutants of a module, in the order of its lines."""
    made: list[Mutant] = []
    seen: Counter[str] = Counter()
    for place in _places(ast.parse(source), (), "", found=False):
        for text, changed in _changes(place):
            name = f"{place.owner or 'module'}: {text}"
            seen[name] += 1
            number = f" #{seen[name]}" if seen[name] > 1 else ""
            made.append(Mutant(name + number, getattr(place.node, "lineno", 0), place.owner, place.path, changed))
    return made


def mutated(source: str, mutant: Mutant) -> ast.Module:
    """The module with that one change."""
    tree = ast.parse(source)
    at: Any = tree
    for field, index in mutant.path[:-1]:
        at = getattr(at, field) if index is None else getattr(at, field)[index]
    field, index = mutant.path[-1]
    if index is None:
        setattr(at, field, mutant.changed)
    else:
        getattr(at, field)[index] = mutant.changed
    return ast.fix_missing_locations(tree)


def _places(node: ast.AST, path: Path, owner: str, *, found: bool) -> Iterator[Place]:
    yield Place(owner, node, found, path)
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "type_comment") or isinstance(value, ast.JoinedStr):
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if (
                not isinstance(child, ast.AST)
                or _is_prose(child)
                or isinstance(child, ast.JoinedStr | ast.Import | ast.ImportFrom)
            ):
                continue
            inside, answers = owner, found
            if isinstance(child, ast.FunctionDef | ast.ClassDef) and not _in_function(path, node, owner):
                inside = f"{owner}.{child.name}".strip(".")
            if isinstance(child, ast.FunctionDef):
                answers = child.returns is not None and ast.unparse(child.returns) == "Found"
            yield from _places(child, (*path, (field, index)), inside, found=answers)


def _in_function(path: Path, node: ast.AST, owner: str) -> bool:
    """Functions inside functions are part of the outer one."""
    return bool(owner) and not isinstance(node, ast.ClassDef | ast.Module)


def _is_prose(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _changes(place: Place) -> Iterator[tuple[str, ast.AST]]:
    """What a node could have been by mistake: a text ("a < b → a <= b") and the other node."""
    for kind, change in KINDS:
        if isinstance(place.node, kind):
            for changed in change(place):
                yield _told(place.node, changed), changed


def _told(before: ast.AST, after: ast.AST) -> str:
    if not isinstance(before, ast.Tuple | ast.Dict | ast.Set):
        return f"{_short(before)} → {_short(after)}"
    old, new = _rows(before), _rows(after)
    if len(new) == len(old):
        first = next(at for at, row in enumerate(old) if new[at] != row)
        return f"{old[first]} after {old[first + 1]}"
    return f"without {next(row for at, row in enumerate(old) if row not in new[at : at + 1])}"


def _rows(table: ast.AST) -> list[str]:
    if isinstance(table, ast.Dict):
        return [_short(key) for key in table.keys if key is not None]
    assert isinstance(table, ast.Tuple | ast.Set)
    return [_short(row) for row in table.elts]


def _short(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 100 else f"{text[:60]} … {text[-37:]}"


# --- the kinds of mistakes --------------------------------------------------------------------------------------------


def _compare(place: Place) -> Iterator[ast.AST]:
    node = place.node
    assert isinstance(node, ast.Compare)
    for at, op in enumerate(node.ops):
        for other in COMPARED.get(type(op), ()):
            changed = deepcopy(node)
            changed.ops[at] = other()
            yield changed
    for at, side in enumerate(node.comparators):
        for number, text in enumerate(side.elts if isinstance(side, ast.Tuple) else [side]):
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                changed = deepcopy(node)
                where: Any = changed.comparators[at]
                misspelt: Any = where.elts[number] if isinstance(where, ast.Tuple) else where
                misspelt.value = f"not {text.value}"
                yield changed


def _bool(place: Place) -> Iterator[ast.AST]:
    node = place.node
    assert isinstance(node, ast.BoolOp)
    changed = deepcopy(node)
    changed.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    yield changed
    for at in range(len(node.values)):
        left = [deepcopy(value) for number, value in enumerate(node.values) if number != at]
        yield left[0] if len(left) == 1 else ast.BoolOp(node.op, left)


def _not(place: Place) -> Iterator[ast.AST]:
    node = place.node
    assert isinstance(node, ast.UnaryOp)
    if isinstance(node.op, ast.Not | ast.USub):
        yield node.operand


def _arithmetic(place: Place) -> Iterator[ast.AST]:
    node = place.node
    assert isinstance(node, ast.BinOp | ast.AugAssign)
    other = COUNTED.get(type(node.op))
    if other is not None:
        changed = deepcopy(node)
        changed.op = other()
        yield changed


def _constant(place: Place) -> Iterator[ast.AST]:
    node = place.node
    assert isinstance(node, ast.Constant)
    if isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node.value, int | float):
        yield ast.Constant(node.value + 1)
        yield ast.Constant(node.value - 1)


def _condition(place: Place) -> Iterator[ast.AST]:
    node = place.node
    assert isinstance(node, ast.If | ast.While | ast.IfExp)
    if isinstance(node, ast.IfExp):
        changed = deepcopy(node)
        changed.body, changed.orelse = changed.orelse, changed.body
        yield changed
    elif not isinstance(node.test, ast.Compare | ast.UnaryOp) and ast.unparse(node.test) != "TYPE_CHECKING":
        other = deepcopy(node)
        other.test = ast.UnaryOp(ast.Not(), other.test)
        yield other


def _return(place: Place) -> Iterator[ast.AST]:
    node = place.node
    assert isinstance(node, ast.Return)
    nothing = node.value is None or (isinstance(node.value, ast.Constant) and node.value.value is None)
    if not nothing:
        yield ast.Return(ast.Constant(None))
    elif place.found:
        yield ast.Return(deepcopy(PLANTED))


def _statement(place: Place) -> Iterator[ast.AST]:
    if place.owner:
        yield ast.Pass()


def _call(place: Place) -> Iterator[ast.AST]:
    node = place.node
    assert isinstance(node, ast.Call)
    if isinstance(node.func, ast.Name) and node.func.id in CALLED:
        changed = deepcopy(node)
        changed.func = ast.Name(CALLED[node.func.id], ast.Load())
        yield changed
    if isinstance(node.func, ast.Name) and node.func.id == "abs":
        yield node.args[0]


def _table(place: Place) -> Iterator[ast.AST]:
    """Of a table of the module, one row is missing, or two are the other way round."""
    node = place.node
    assert isinstance(node, ast.Tuple | ast.Dict | ast.Set)
    if place.owner or not {field for field, _ in place.path} <= {"body", "value", "values", "args"}:
        return
    rows = node.values if isinstance(node, ast.Dict) else node.elts
    for at in range(len(rows)):
        changed: Any = deepcopy(node)
        for column in (changed.keys, changed.values) if isinstance(node, ast.Dict) else (changed.elts,):
            del column[at]
        yield changed
    for at in range(len(rows) - 1):
        if isinstance(rows[at], ast.Tuple):
            changed = deepcopy(node)
            changed.elts[at], changed.elts[at + 1] = changed.elts[at + 1], changed.elts[at]
            yield changed


KINDS: tuple[tuple[Any, Callable[[Place], Iterator[ast.AST]]], ...] = (
    (ast.Compare, _compare),
    (ast.BoolOp, _bool),
    (ast.UnaryOp, _not),
    ((ast.BinOp, ast.AugAssign), _arithmetic),
    (ast.Constant, _constant),
    ((ast.If, ast.While, ast.IfExp), _condition),
    (ast.Return, _return),
    ((ast.Assign, ast.AugAssign, ast.Expr, ast.Continue, ast.Break, ast.Raise), _statement),
    (ast.Call, _call),
    ((ast.Tuple, ast.Dict, ast.Set), _table),
)
