"""The checklist before trading: what was checked, what failed, what is still open."""

from __future__ import annotations

from collections.abc import Iterable

from cockpit.panes.base import Pane
from cockpit.panes.text import Column, Line, cells, clean, table_row
from cockpit.view import View
from engine.model.state import Gate

MARKS = {"pass": ("✓", "good b"), "fail": ("✗", "bad"), "pending": ("·", "warn"), "skip": ("–", "dim")}
URGENCY = {"fail": 0, "pending": 1, "skip": 3, "pass": 2}
LONGEST = 24


def columns(gates: Iterable[Gate]) -> tuple[Column, ...]:
    """The names get what they need, the details the rest."""
    name = min(LONGEST, max((cells(clean(gate.name)) for gate in gates), default=0))
    return (
        Column("", 1),
        Column("gate", max(1, name)),
        Column("", 3, "<", rank=2),
        Column("detail", 0, rank=1, least=10),
    )


def gate_row(gate: Gate, table: tuple[Column, ...], width: int) -> Line:
    mark, style = MARKS.get(gate.status, ("?", "warn"))
    if gate.status == "fail" and not gate.required:
        style = "warn"
    name = gate.name.replace("_", " ")
    bad = gate.status == "fail"
    return table_row(
        table,
        [
            (mark, style),
            (name, "strong" if bad else "value"),
            ("req" if gate.required else "opt", "label" if gate.required else "dim"),
            (gate.detail, style if bad else "label"),
        ],
        width,
    )


def verdict(gates: list[Gate]) -> tuple[str, str]:
    """One word over the whole list: only required gates can hold trading back."""
    if not gates:
        return "not run", "dim"
    failed = sum(g.status == "fail" and g.required for g in gates)
    if failed:
        return f"✗ {failed} FAILED", "bad"
    pending = sum(g.status == "pending" for g in gates)
    if pending:
        return f"· {pending} open", "warn"
    warned = sum(g.status == "fail" for g in gates)
    return (f"✓ passed, {warned} warned", "warn") if warned else ("✓ all passed", "good")


def due(view: View) -> bool:
    """Whether the checklist belongs on the screen: until it has passed, and whenever something fails."""
    gates = view.state.gates.values()
    if not gates:
        return view.source == "live"
    return any(g.status not in ("pass", "skip") and (g.required or g.status == "pending") for g in gates)


class PreflightPane(Pane):
    pane_id = "preflight"

    def title(self, _view: View) -> str:
        return "PREFLIGHT"

    def title_line(self, view: View, width: int) -> Line:
        text, style = verdict(list(view.state.gates.values()))
        return [*super().title_line(view, width), (" ", ""), (text, style)]

    def draw(self, view: View, width: int, height: int) -> list[Line]:
        gates = list(view.state.gates.values())
        if not gates:
            return [[("the checklist has not run yet", "dim")]]
        table = columns(gates)
        if len(gates) <= height:
            return [gate_row(gate, table, width) for gate in gates]
        room = max(0, height - 1)
        order = sorted(range(len(gates)), key=lambda n: (URGENCY.get(gates[n].status, 1), n))
        chosen = sorted(order[:room])
        hidden = [gates[n] for n in order[room:]]
        passed = sum(g.status in ("pass", "skip") for g in hidden)
        more = f"… {len(hidden)} more" + (
            ", all passed or skipped" if passed == len(hidden) else f", {len(hidden) - passed} not passed"
        )
        return [
            *(gate_row(gates[n], table, width) for n in chosen),
            [(more, "dim" if passed == len(hidden) else "need")],
        ]
