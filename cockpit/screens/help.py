"""Help and command palette, both made from the action table."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from cockpit.actions import ActionSpec, Context, Risk, key_name
from cockpit.guard import Press

if TYPE_CHECKING:
    from cockpit.app import CockpitApp


MARGIN = 28
"""Columns of the keys and of the label."""
WIDEST, FRAME = 128, 8
"""Columns of the window, and those of its border, padding and scrollbar."""


class HelpScreen(ModalScreen[None], inherit_bindings=False):
    """All keys, those of the focused pane first; typing searches, Esc closes."""

    situation = "help"

    def __init__(self, specs: Sequence[ActionSpec], here: frozenset[Context]) -> None:
        super().__init__()
        self.specs, self.here = specs, here

    def compose(self) -> ComposeResult:
        with Vertical(id="help"):
            yield Input(placeholder="search keys and actions; Esc closes", id="search", max_length=60, compact=True)
            with VerticalScroll(id="keys"):
                yield Static(self._text(""), id="text")

    def on_mount(self) -> None:
        self.query_one("#search", Input).focus()

    def on_resize(self) -> None:
        self.query_one("#text", Static).update(self._text(self.query_one("#search", Input).value))

    @property
    def _room(self) -> int:
        return min(WIDEST, self.app.size.width * 96 // 100) - FRAME

    def on_input_changed(self, event: Input.Changed) -> None:
        self.query_one("#text", Static).update(self._text(event.value))

    def act(self, _spec: ActionSpec, _press: Press) -> None:
        """The only action of the help is to close it."""
        self.dismiss(None)

    def on_key(self, event: events.Key) -> None:
        if event.key in ("down", "up", "pagedown", "pageup"):
            event.stop()
            keys = self.query_one("#keys", VerticalScroll)
            {
                "down": keys.scroll_down,
                "up": keys.scroll_up,
                "pagedown": keys.scroll_page_down,
                "pageup": keys.scroll_page_up,
            }[event.key](animate=False)

    def _text(self, search: str) -> Content:
        words = search.lower().split()
        found = [spec for spec in self.specs if all(word in _searched(spec) for word in words)]
        active = [spec for spec in found if self.here.intersection(spec.contexts)]
        rest = [spec for spec in found if spec not in active]
        parts: list[Content] = []
        for title, specs in (("Active here", active), ("Elsewhere", rest)):
            for group in dict.fromkeys(spec.group for spec in specs):
                parts.append(Content.assemble((f"{title} · {group}", "bold $primary")))
                parts += [_row(spec, self._room) for spec in specs if spec.group == group]
                parts.append(Content(""))
        return Content("\n").join(parts or [Content("No such key or action.")])


def _searched(spec: ActionSpec) -> str:
    return " ".join((spec.id, spec.label, spec.help, spec.group, *map(key_name, spec.keys), *spec.keys)).lower()


def _row(spec: ActionSpec, room: int) -> Content:
    """Keys, label and the sentence, which goes on under itself."""
    keys = " ".join(key_name(key) for key in spec.keys) or "no key"
    lines = wrap(spec.help, max(20, room - MARGIN)) or [""]
    text = ("\n" + " " * MARGIN).join(lines)
    return Content.assemble((f"{keys:<13}", "bold $cap-text"), (f"{spec.label:<15}", "$primary"), text)


CALM: tuple[Risk, ...] = ("view", "trade", "danger", "kill")
"""The palette's order: what Enter takes at once is harmless."""


class Actions(Provider):
    """The palette's commands. Approving is not among them: Enter must never send an order."""

    @property
    def cockpit(self) -> CockpitApp:
        from cockpit.app import CockpitApp

        assert isinstance(self.app, CockpitApp)
        return self.app

    def _offered(self) -> list[ActionSpec]:
        return [spec for spec in self.cockpit.specs if spec.palette]

    async def discover(self) -> Hits:
        for spec in sorted(self._offered(), key=lambda spec: CALM.index(spec.risk)):
            yield DiscoveryHit(_title(spec), lambda spec=spec: self.cockpit.perform(spec), help=spec.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for spec in self._offered():
            score = max(matcher.match(spec.label), matcher.match(spec.id), matcher.match(spec.help) * 0.5)
            if score > 0:
                yield Hit(score, _title(spec), lambda spec=spec: self.cockpit.perform(spec), help=spec.help)


def _title(spec: ActionSpec) -> str:
    return f"{spec.label} ({key_name(spec.keys[0])})" if spec.keys else spec.label
