"""Who says yes when the market is run again: the recorded answers, after the time that the person took."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import Literal, NamedTuple

import msgspec

from engine.core.orders import terms
from engine.model import events as ev
from engine.model.orders import Order
from engine.model.state import State

Approve = Literal["always", "recorded", "never"]
APPROVE: dict[str, str] = {
    "always": "answers as recorded, after the recorded time; an intent that nobody answered then is approved",
    "recorded": "answers as recorded, after the recorded time; an intent that nobody answered then is declined",
    "never": "everything is declined, after the recorded time",
}
"""What each way to answer means."""

Key = tuple[int, str, str, str, str]
"""Market events keep their times, so the same wish of the same strategy is decided at the same time."""


class Answer(NamedTuple):
    action: Literal["approve", "decline"]
    after_ns: int


class Answers(msgspec.Struct):
    """``keys`` of all recorded orders by client id, ``given`` what a person said to them, ``asked`` when they were asked.

    ``usual_ns`` is the median time of a yes.
    """

    keys: dict[str, Key] = {}
    given: dict[Key, Answer] = {}
    usual_ns: int = 0
    asked: dict[str, int] = {}

    def see(self, event: ev.Event) -> None:
        """Take note of a recorded event."""
        if isinstance(event, ev.OrderDecided):
            self.keys[event.order.client_id] = key_of(event.order)
        elif isinstance(event, ev.ApprovalAsked):
            self.asked[event.client_id] = event.t
        elif isinstance(event, ev.Command) and event.action in ("approve", "decline") and event.target in self.asked:
            key = self.keys.get(event.target)
            if key is not None:
                self.given[key] = Answer(event.action, max(0, event.t - self.asked[event.target]))

    def finish(self) -> None:
        took = [answer.after_ns for answer in self.given.values() if answer.action == "approve"]
        self.usual_ns = int(median(took)) if took else 0

    def to(self, order: Order, how: Approve) -> Answer:
        recorded = self.given.get(key_of(order))
        if how == "never":
            return Answer("decline", recorded.after_ns if recorded is not None else self.usual_ns)
        return recorded or Answer("approve" if how == "always" else "decline", self.usual_ns)


def key_of(order: Order) -> Key:
    return order.created_t, order.symbol, order.side, order.role, order.strategy


class Person:
    """Answers approvals in a run, and repeats what was cancelled by hand."""

    def __init__(self, answers: Answers, how: Approve) -> None:
        self._answers = answers
        self._how = how
        self._due: list[tuple[int, str, str]] = []
        self._ids: dict[Key, str] = {}

    def see(self, event: ev.Event, state: State) -> None:
        """Take note of what the run decided."""
        if isinstance(event, ev.OrderDecided):
            self._ids[key_of(event.order)] = event.order.client_id
        elif isinstance(event, ev.ApprovalAsked):
            self.ask(event.client_id, event.t, state)

    def ask(self, client_id: str, t: int, state: State) -> None:
        answer = self._answers.to(state.orders[client_id], self._how)
        self._due.append((t + answer.after_ns, client_id, answer.action))
        self._due.sort()

    def speaks(self, until: int, state: State) -> Iterator[ev.Command]:
        """Answers that are due; none to what waits no more."""
        while self._due and self._due[0][0] <= until:
            t, client_id, action = self._due.pop(0)
            if client_id in state.approvals:
                text = terms(state.orders[client_id]) if action == "approve" else ""
                yield ev.Command(max(t, state.t), action, "what-if", client_id, text)  # type: ignore[arg-type]

    def repeats(self, command: ev.Command) -> ev.Command | None:
        """A recorded command as it is said here; None for one that has no meaning here."""
        if command.action in ("approve", "decline"):
            return None
        if command.action != "cancel":
            return command
        key = self._answers.keys.get(command.target)
        client_id = self._ids.get(key) if key is not None else None
        return msgspec.structs.replace(command, target=client_id) if client_id is not None else None
