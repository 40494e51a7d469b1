"""When a key press may accept something that cannot be taken back. Pure: times come in as seconds of one monotonic clock."""

from __future__ import annotations

from dataclasses import dataclass, field

LOCKOUT_S = 0.300
"""How long terms must have been on the screen: a reaction to a change takes a person at least 200 ms."""
REPEAT_S = 0.120
"""Keys closer together than this come from auto-repeat (30 a second) or a paste, not from a decision."""
HELD_S = 0.700
"""Longest usual wait before the first auto-repeat (X11: 660 ms; others 250 to 500)."""
RETRY_S = 2.0
"""How long decided terms stay decided: the engine answers within milliseconds, or never."""

REFUSALS: dict[str, str] = {
    "hidden": "Nothing to approve is on the screen.",
    "partial": "Not all terms fit on the screen: enlarge it, or maximise the approval.",
    "changed": "The terms changed: read them again.",
    "early": "Too soon: the terms were not on the screen for 0.3 s yet.",
    "stalled": "The terminal does not take what is painted: what you see may be old.",
    "held": "A held or repeated key accepts nothing: release it and press again.",
}


@dataclass(frozen=True, slots=True)
class Press:
    """A key press; ``t`` is when the terminal delivered it. ``repeat`` looks like a held key, ``burst`` like a paste."""

    key: str
    t: float
    repeat: bool = False
    burst: bool = False


@dataclass(slots=True)
class Presses:
    """Tells deliberate presses from auto-repeat: terminals report no key release, so only the gaps tell.

    A repeat follows within ``REPEAT_S``; the first one within ``HELD_S`` of the press that began it.
    """

    last_t: float = float("-inf")
    began: dict[str, tuple[float, bool]] = field(default_factory=dict)
    """Key → its last press and whether that press may have begun a hold."""

    def add(self, key: str, t: float) -> Press:
        then, beginning = self.began.get(key, (float("-inf"), False))
        repeat = t - then < REPEAT_S or (beginning and t - then < HELD_S)
        burst = t - self.last_t < REPEAT_S
        self.began[key] = (t, not repeat)
        self.last_t = t
        return Press(key, t, repeat, burst)


@dataclass(slots=True)
class Guard:
    """Knows which terms are on the screen and since when, and refuses every press that cannot mean them."""

    terms: str = ""
    since: float = 0.0
    decided: str = ""
    decided_t: float = float("-inf")

    def painted(self, terms: str, now: float) -> None:
        """These terms are on the screen now; empty when nothing is asked."""
        if terms == self.decided and now - self.decided_t < RETRY_S:
            terms = ""
        if terms != self.terms:
            self.terms, self.since = terms, now

    def covered(self) -> None:
        """The terms can no longer be read (a dialog, another screen, too small a terminal)."""
        self.terms = ""

    def armed(self, now: float) -> bool:
        return bool(self.terms) and now - self.since >= LOCKOUT_S

    def refusal(self, press: Press, terms: str) -> str:
        """Why this press does not accept these terms: a code of ``REFUSALS``, empty when it does."""
        if not self.terms or not terms:
            return "hidden"
        if terms != self.terms:
            return "changed"
        if press.t - self.since < LOCKOUT_S:
            return "early"
        return "held" if press.repeat or press.burst else ""

    def decide(self, now: float) -> None:
        """The terms on the screen were answered; whatever comes next needs its own time on the screen."""
        self.decided, self.decided_t, self.terms = self.terms, now, ""
