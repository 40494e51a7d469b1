"""One line to type: where to go, a note, what to search, a name. Esc leaves it."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from cockpit.actions import ActionSpec
from cockpit.guard import Press
from cockpit.panes.text import clean


class Prompt(ModalScreen[str], inherit_bindings=False):
    """Its result is what was typed; None for Esc. ``take`` gets it first and may answer with a sentence on what is wrong."""

    situation = "dialog"

    def __init__(
        self, title: str, hint: str, take: Callable[[str], str], value: str = "", *, empty: bool = False
    ) -> None:
        super().__init__(classes="-prompt")
        self.asked, self.take, self.empty = title, take, empty
        self.typed = Input(value=value, id="typed", max_length=200, compact=True)
        self.said = Static(Content(clean(hint)), id="said")

    def compose(self) -> ComposeResult:
        with Vertical(id="question"):
            yield Static(Content(clean(self.asked)), id="asked")
            yield self.typed
            yield self.said

    def on_mount(self) -> None:
        self.typed.focus()

    def act(self, spec: ActionSpec, _press: Press) -> None:
        """Esc; letters are typed."""
        if spec.id == "dialog_no":
            self.dismiss(None)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        text = event.value.strip()
        if not text and not self.empty:
            self.dismiss(None)
            return
        problem = self.take(text)
        if problem:
            self.said.update(Content(clean(problem)))
        else:
            self.dismiss(text)
