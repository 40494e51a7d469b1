"""An application that is one list: a screen of its own with the registry's keys, and no session behind it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from textual import events
from textual.app import App, ReturnType
from textual.screen import Screen

from cockpit.actions import Table, lookup
from cockpit.driver import driver_class
from cockpit.guard import Press
from cockpit.keymap import pressed
from cockpit.theme import DARK, LIGHT, THEMES


class ListApp(App[ReturnType], inherit_bindings=False):
    """Shows ``first`` until it is left; its result is the app's. Keys of ``table`` go to the ``act`` of ``ACTING`` screens."""

    CSS_PATH = Path(__file__).parent.parent / "cockpit.tcss"
    TITLE = "Cockpit"
    ENABLE_COMMAND_PALETTE: ClassVar[bool] = False
    ALLOW_SELECT = False
    ACTING: ClassVar[tuple[type[Screen[Any]], ...]] = ()

    def __init__(self, first: Screen[ReturnType], table: Table, theme: str) -> None:
        super().__init__(driver_class=driver_class())
        self.table = table
        self.first = first
        for known in THEMES:
            self.register_theme(known)
        self.theme = (LIGHT if theme == "light" else DARK).name

    def on_mount(self) -> None:
        self.push_screen(self.first, self.exit)

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key) and not event.is_forwarded and self._took(event):
            return
        await super().on_event(event)

    def _took(self, event: events.Key) -> bool:
        if self.focused is not None and self.focused.check_consume_key(event.key, event.character):
            return False
        screen: Any = self.screen
        acts = isinstance(screen, self.ACTING)
        spec = lookup(self.table, pressed(event), getattr(screen, "situation", "anywhere"))
        if event.key == "ctrl+c":
            self.exit(None)
        elif spec is not None and acts:
            screen.act(spec, Press(event.key, event.time))
        return spec is not None
