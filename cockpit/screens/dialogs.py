"""Questions before anything that cannot be taken back. Esc, lost focus, the kill switch and 20 seconds all mean no."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from cockpit.actions import ActionSpec, Table, key_name
from cockpit.guard import REFUSALS, Guard, Press
from cockpit.panes.text import clean
from cockpit.view import View

TIMEOUT_S = 20.0
LOW_BELOW = 20
"""On fewer rows the question has no space to spare."""
LONGEST = 200
"""Characters of a fact; some come from the venue."""
Row = tuple[str, str]
Rows = Callable[[View], Sequence[Row]]


@dataclass(frozen=True, slots=True)
class Ask:
    """A question. ``rows`` are its facts, read again from every view; ``gone`` says why it no longer makes sense.

    ``answers`` are (action id, what the key does). ``accepts`` makes it a typed question: it judges what was typed.
    """

    title: str
    rows: Rows
    gone: Callable[[View], str] = lambda _view: ""
    answers: tuple[Row, ...] = ()
    prompt: str = ""
    accepts: Callable[[str], bool] | None = None
    danger: bool = True


class Question(ModalScreen[str], inherit_bindings=False):
    """Asks; its result is the id of the answer, for typed questions what was typed, and empty for no."""

    situation = "dialog"

    def __init__(self, ask: Ask, view: View, table: Table, clock: Callable[[], float]) -> None:
        super().__init__(classes=f"-{view.profile.mode.lower()} {'-danger' if ask.danger else ''}")
        self.ask, self.clock = ask, clock
        self.mode = view.profile.mode
        self.shown = ""
        self.guard = Guard()
        self.ends = clock() + TIMEOUT_S
        self.facts = Static(self._facts(view), id="facts")
        self.said = Static(Content(""), id="said")
        self.choices = Static(Content(""), id="choices")
        self.typed = Input(placeholder=ask.prompt, id="typed", max_length=200, compact=True)
        self.keys = {spec.id: key_name(spec.keys[0]) for specs in table.values() for spec in specs}

    def compose(self) -> ComposeResult:
        with Vertical(id="question"):
            yield Static(Content(f"{self.mode} · {self.ask.title}"), id="asked")
            yield self.facts
            if self.ask.accepts is not None:
                yield self.typed
            yield self.said
            yield self.choices

    def on_mount(self) -> None:
        self._count_down()
        if self.ask.accepts is not None:
            self.typed.focus()
        self.call_after_refresh(lambda: self.guard.painted(self.ask.title, self.clock()))
        self.set_interval(0.25, self._count_down)
        self.watch(self.app, "app_focus", self._focus_changed, init=False)

    def on_resize(self) -> None:
        self.set_class(self.app.size.height < LOW_BELOW, "-low")

    def show(self, view: View) -> None:
        """Bring the facts up to date; ends the question when it has lost its object."""
        why = self.ask.gone(view)
        if why:
            self.app.notify(clean(why), title=self.ask.title, severity="warning", markup=False)
            self._answer("")
            return
        facts = self._facts(view)
        if facts.plain != self.shown:
            self.shown = facts.plain
            self.facts.update(facts)

    def _answer(self, answer: str) -> None:
        if self.is_current:
            self.dismiss(answer)

    def _focus_changed(self, focused: bool) -> None:
        if not focused:
            self._answer("")

    def _count_down(self) -> None:
        if self.clock() >= self.ends:
            self._answer("")
        else:
            self.choices.update(self._choices())

    def act(self, spec: ActionSpec, press: Press) -> None:
        """A dialog key: no at once, an answer only when it can be meant."""
        if spec.id == "dialog_no":
            self._answer("")
        elif spec.id in dict(self.ask.answers):
            refusal = self.guard.refusal(press, self.ask.title)
            if refusal:
                self._say(REFUSALS[refusal])
            else:
                self._answer(spec.id)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        text = event.value.strip()
        if self.ask.accepts is not None and self.ask.accepts(text) and self.guard.armed(self.clock()):
            self._answer(text)
        else:
            self._say(self.ask.prompt)

    def _say(self, text: str) -> None:
        self.said.update(Content(text))

    def _facts(self, view: View) -> Content:
        rows = self.ask.rows(view)
        width = max((len(name) for name, _ in rows), default=0)
        return Content("\n").join(
            Content.assemble((name.ljust(width + 2), "$label"), clean(value[:LONGEST])) for name, value in rows
        )

    def _choices(self) -> Content:
        keys = [(self.keys[name], label) for name, label in self.ask.answers]
        if self.ask.accepts is not None:
            keys.append(("Enter", "when typed"))
        keys.append(("Esc", f"no ({max(0, round(self.ends - self.clock()))} s)"))
        return Content("\n").join(
            Content.assemble((f" {key} ", "bold $cap-text on $cap"), " ", clean(label)) for key, label in keys
        )
