"""Everything a key can do, in one table: it makes the key bindings, the palette, the hints, the help and docs/keys.md."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Context = Literal[
    "everywhere", "trade", "chart", "list", "orders", "log", "typing", "dialog", "help",
    "free", "replay", "scrub", "timeline", "reader", "sessions",
]  # fmt: skip
Risk = Literal["view", "trade", "danger", "kill"]
Mode = Literal["live", "behind", "replay"]

SITUATIONS: dict[str, frozenset[Context]] = {
    "anywhere": frozenset({"everywhere"}),
    "typing": frozenset({"everywhere", "typing"}),
    "pane": frozenset({"everywhere", "trade", "free"}),
    "chart": frozenset({"everywhere", "trade", "free", "chart"}),
    "list": frozenset({"everywhere", "trade", "list"}),
    "orders": frozenset({"everywhere", "trade", "list", "orders"}),
    "log": frozenset({"everywhere", "trade", "list", "log"}),
    "replay-pane": frozenset({"everywhere", "trade", "free", "replay", "scrub"}),
    "replay-chart": frozenset({"everywhere", "trade", "free", "replay", "scrub", "chart"}),
    "replay-timeline": frozenset({"everywhere", "trade", "free", "replay", "scrub", "timeline"}),
    "replay-list": frozenset({"everywhere", "trade", "replay", "list"}),
    "replay-orders": frozenset({"everywhere", "trade", "replay", "list", "orders"}),
    "replay-log": frozenset({"everywhere", "trade", "replay", "list", "log"}),
    "reader": frozenset({"everywhere", "list", "reader"}),
    "sessions": frozenset({"everywhere", "list", "sessions"}),
    "dialog": frozenset({"everywhere", "dialog"}),
    "help": frozenset({"everywhere", "help"}),
}
"""What has the focus → the contexts whose keys work then. A key means one thing in each situation.

``replay`` stands for every screen that shows the past, a recording's or a running session's; ``free``: no list has the focus.
"""
PRIOR = frozenset({"replay", "scrub", "timeline", "reader", "sessions"})
"""Where the past is shown, its keys come before those of the present (``.`` steps instead of following)."""


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One action. ``keys`` are Textual's names, or the character itself; ``show`` puts it into the status hints."""

    id: str
    keys: tuple[str, ...]
    contexts: tuple[Context, ...]
    risk: Risk
    label: str
    help: str
    group: str
    show: bool = False
    palette: bool = True
    opens: bool = False
    """Opens a question that the dialog keys answer: its key must not be one of theirs."""


SAFETY, ORDERS, PANES, LISTS, CHART, TIME, APP, DIALOGS = (
    "Safety", "Orders and positions", "Panes", "Lists and logs", "Chart", "Time travel", "Cockpit", "Dialogs",
)  # fmt: skip
T: tuple[Context, ...] = ("trade",)
P: tuple[Context, ...] = ("replay",)
PANE_DIGITS: dict[str, str] = {
    "1": "chart", "3": "position", "4": "approval", "5": "orders", "6": "risk", "7": "log", "8": "heartbeat", "9": "preflight",
}  # fmt: skip
"""Digit → pane; 2 belongs to a recording's timeline."""

TRAVEL: tuple[ActionSpec, ...] = (
    ActionSpec("play", ("space",), P, "view", "play", "Play or pause, at the chosen speed.", TIME),
    ActionSpec("step_back", (",",), T, "view", "step back",
               "One step back in time. On a live screen it goes behind live: the engine trades on.", TIME),
    ActionSpec("step_on", (".",), P, "view", "step on", "One step on in time.", TIME),
    ActionSpec("unit", ("u",), P, "view", "step unit", "What a step is: event, tick, bar, order.", TIME),
    ActionSpec("skip_back", ("left",), P, "view", "5 s back", "Five seconds back (pan the chart with h and l).", TIME),
    ActionSpec("skip_on", ("right",), P, "view", "5 s on", "Five seconds on.", TIME),
    ActionSpec("leap_back", ("shift+left",), P, "view", "10 % back", "A tenth of the session back.", TIME),
    ActionSpec("leap_on", ("shift+right",), P, "view", "10 % on", "A tenth of the session on.", TIME),
    ActionSpec("previous_mark", ("[",), P, "view", "previous mark",
               "The mark before: fill, refusal, approval, kill, pause, link, bookmark (tabs: { and }).", TIME),
    ActionSpec("next_mark", ("]",), P, "view", "next mark", "The next mark.", TIME),
    *(
        ActionSpec(f"share_{n}", (str(n),), ("timeline",), "view", f"{n}0 %", f"With the timeline focused (2): to {n}0 % of it.",
                   TIME, palette=False)
        for n in range(10)
    ),
    ActionSpec("to_start", ("home",), ("scrub",), "view", "start", "The first event.", TIME),
    ActionSpec("to_end", ("end",), ("scrub",), "view", "end", "The last event.", TIME),
    ActionSpec("slower", ("<",), P, "view", "slower", "Slower: down to 0.1×.", TIME),
    ActionSpec("faster", (">",), P, "view", "faster", "Faster: up to 1000×, then as fast as can be.", TIME),
    ActionSpec("goto", ("g",), ("free",), "view", "go to", "Go to 12:03:11, -30s, 50%, #1234, start or end.", TIME),
    ActionSpec("bookmark", ("b",), T, "view", "bookmark", "Keep this moment, with a note, beside the recording.", TIME),
    ActionSpec("marks", ("'",), T, "view", "bookmarks", "List of bookmarks and marks; Enter goes there.", TIME),
    ActionSpec("search", ("/",), ("scrub",), "view", "search", "Search the whole recording (in a list: filter it).", TIME),
    ActionSpec("next_hit", ("n",), P, "view", "next hit", "Next hit of the search.", TIME),
    ActionSpec("previous_hit", ("N",), P, "view", "previous hit", "Previous hit of the search.", TIME),
    ActionSpec("loop_a", ("A",), P, "view", "A", "Begin of the loop at the cursor; there again: clear it.", TIME),
    ActionSpec("loop_b", ("B",), P, "view", "B", "End of the loop at the cursor; there again: clear it.", TIME),
    ActionSpec("diff", ("d",), P, "view", "difference", "What changed from A to B; without them, by the last event.", TIME),
    ActionSpec("why", ("w",), T, "view", "why",
               "From the candle to the exit: everything that led to the selected order, with the time each step took.", TIME),
    ActionSpec("jump", ("enter",), ("list",), "view", "go there", "Go to the moment of the selected row.", TIME),
    ActionSpec("widen", ("-",), ("timeline",), "view", "wider", "The timeline shows more of the session.", TIME),
    ActionSpec("narrow", ("+", "="), ("timeline",), "view", "closer", "The timeline shows less, closer to the cursor.", TIME),
    ActionSpec("live", ("L",), T, "view", "live", "Back to live; in a recording to its end.", TIME),
    ActionSpec("session_open", ("enter",), ("sessions",), "view", "open", "Open the recording.", TIME, palette=False),
    ActionSpec("session_filter", ("/",), ("sessions",), "view", "filter", "Filter the sessions.", TIME, palette=False),
    ActionSpec("session_rename", ("r",), ("sessions",), "view", "rename", "Give the recording a name.", TIME, palette=False),
    ActionSpec("session_delete", ("D",), ("sessions",), "view", "delete", "Delete the recording. Asks for a typed word.", TIME,
               palette=False),
    ActionSpec("session_export", ("e",), ("sessions",), "view", "export", "Write its events as JSON lines.", TIME, palette=False),
    ActionSpec("session_close", ("escape", "q"), ("sessions",), "view", "close", "Close the list.", TIME, palette=False),
    ActionSpec("drop", ("x",), ("reader",), "view", "remove", "Remove the selected bookmark.", TIME, palette=False),
    ActionSpec("reader_close", ("escape", "q"), ("reader",), "view", "close", "Close the list.", TIME, palette=False),
)  # fmt: skip

DEFAULT: tuple[ActionSpec, ...] = (
    ActionSpec("kill", ("f9", "ctrl+g", "K"), ("everywhere",), "kill", "kill",
               "Kill switch: no new orders, cancel all working ones. At once, unasked, from anywhere (K: not while typing).",
               SAFETY, show=True),
    ActionSpec("pause", ("p",), T, "trade", "pause",
               "Pause or resume: no new entries; exits and stops go on.", SAFETY, show=True),
    ActionSpec("flatten", ("F",), T, "danger", "flatten",
               "Close every position with reduce-only orders. Asks for a typed word.", SAFETY, show=True, opens=True),
    ActionSpec("rearm", ("R",), T, "danger", "re-arm",
               "Allow trading again after kill, SAFE or a loss limit. Asks for a typed reason.", SAFETY, opens=True),
    ActionSpec("adopt", ("U",), T, "danger", "take over",
               "Take over what the venue has and we do not: a deposit or withdrawal, or a position. Asks.", SAFETY, opens=True),
    ActionSpec("approve", ("y",), T, "trade", "approve",
               "Send the order that waits. Counts only after its terms were on the screen for 0.3 s; a held key never counts.",
               ORDERS, palette=False),
    ActionSpec("decline", ("n",), T, "trade", "decline", "Refuse the order that waits.", ORDERS),
    ActionSpec("cancel", ("x",), ("orders",), "trade", "cancel", "Cancel the selected order. Asks.", ORDERS, opens=True),
    ActionSpec("close", ("c",), T, "danger", "close", "Close the position at market, reduce-only. Asks.", ORDERS, opens=True),
    *(
        ActionSpec(f"pane_{name}", (digit,), T, "view", name, f"Focus the {name} pane; again: maximise it.", PANES)
        for digit, name in PANE_DIGITS.items()
    ),
    ActionSpec("maximise", ("z",), T, "view", "maximise", "Maximise the focused pane, or put it back.", PANES),
    ActionSpec("back", ("escape",), ("trade", "typing"), "view", "back",
               "Leave the filter, put a maximised pane back.", PANES, palette=False),
    ActionSpec("next_pane", ("tab",), T, "view", "next pane", "Focus the next pane.", PANES, palette=False),
    ActionSpec("previous_pane", ("shift+tab",), T, "view", "previous pane", "Focus the previous pane.", PANES, palette=False),
    ActionSpec("next_tab", ("]", "}"), T, "view", "next tab", "Next tab of the logs.", LISTS),
    ActionSpec("previous_tab", ("[", "{"), T, "view", "previous tab", "Previous tab of the logs.", LISTS),
    ActionSpec("filter", ("/",), T, "view", "filter", "Show only rows that contain a text (!text: that do not).", LISTS),
    ActionSpec("down", ("j", "down"), ("list",), "view", "down", "Next row.", LISTS, palette=False),
    ActionSpec("up", ("k", "up"), ("list",), "view", "up", "Previous row.", LISTS, palette=False),
    ActionSpec("page_down", ("pagedown",), ("list",), "view", "page down", "Ten rows down.", LISTS, palette=False),
    ActionSpec("page_up", ("pageup",), ("list",), "view", "page up", "Ten rows up.", LISTS, palette=False),
    ActionSpec("top", ("g", "home"), ("list",), "view", "top", "First row.", LISTS, palette=False),
    ActionSpec("bottom", ("G", "end"), ("list",), "view", "bottom", "Last row.", LISTS, palette=False),
    ActionSpec("zoom_in", ("+", "="), T, "view", "zoom in", "Wider candles.", CHART),
    ActionSpec("zoom_out", ("-",), T, "view", "zoom out", "More candles.", CHART),
    ActionSpec("pan_left", ("left", "h"), ("chart",), "view", "pan left", "Back in time.", CHART, palette=False),
    ActionSpec("pan_right", ("right", "l"), ("chart",), "view", "pan right", "Forward in time.", CHART, palette=False),
    ActionSpec("follow", (".", "f"), T, "view", "follow", "Follow the newest candle.", CHART),
    ActionSpec("crosshair", ("v",), T, "view", "crosshair", "Crosshair with time and price.", CHART),
    ActionSpec("timeframe", ("t",), T, "view", "timeframe", "Next timeframe: 1m 5m 15m 1h.", CHART),
    ActionSpec("symbol", ("s",), T, "view", "symbol", "Show the next symbol of the profile.", CHART),
    ActionSpec("pane_timeline", ("2",), T, "view", "timeline", "Focus the timeline.", PANES),
    *TRAVEL,
    ActionSpec("theme", ("T",), T, "view", "theme", "Dark or light.", APP),
    ActionSpec("sessions", (), T, "view", "sessions", "All recorded sessions: rename, delete, export.", APP),
    ActionSpec("help", ("?",), T, "view", "help", "All keys, searchable.", APP, show=True),
    ActionSpec("quit", ("q", "ctrl+c"), T, "view", "quit",
               "Leave; with positions or orders open it asks what to do with them.", APP, show=True, opens=True),
    ActionSpec("palette", ("ctrl+p", ":"), T, "view", "palette", "Find a command by name.", APP, show=True, palette=False),
    ActionSpec("dialog_yes", ("y",), ("dialog",), "danger", "yes",
               "Do it (questions without typing). Not in the first 0.3 s, not while held.", DIALOGS, palette=False),
    ActionSpec("dialog_no", ("n", "escape"), ("dialog",), "view", "no",
               "Do nothing. So does waiting 20 s. In a typed question only Esc.", DIALOGS, palette=False),
    ActionSpec("quit_leave", ("l",), ("dialog",), "danger", "leave",
               "On quitting: leave positions with their stops at the venue, cancel entries.", DIALOGS, palette=False),
    ActionSpec("quit_close", ("a",), ("dialog",), "danger", "close all",
               "On quitting: close everything first. Asks for a typed word.", DIALOGS, palette=False),
    ActionSpec("help_close", ("escape",), ("help",), "view", "close", "Close the help.", DIALOGS, palette=False),
)  # fmt: skip

FREE_BEHIND = frozenset({"kill", "pause"})
"""While the screen is behind live these still act, on the live engine; other orders would be given blind."""


def allowed(spec: ActionSpec, mode: Mode) -> bool:
    """Whether an action may run: a recording takes no commands, and behind live only the two that make things safer."""
    if spec.risk == "view" or mode == "live":
        return True
    return mode == "behind" and spec.id in FREE_BEHIND


Table = dict[str, list[ActionSpec]]


def bindings(specs: Iterable[ActionSpec]) -> Table:
    """Key → the actions that it may mean, in the table's order."""
    table: Table = {}
    for spec in specs:
        for key in spec.keys:
            table.setdefault(key, []).append(spec)
    return table


def lookup(table: Table, key: str, situation: str) -> ActionSpec | None:
    """What a key means in a situation."""
    contexts = SITUATIONS[situation]
    found = [spec for spec in table.get(key, ()) if contexts.intersection(spec.contexts)]
    return next((spec for spec in found if prior(spec, contexts)), found[0] if found else None)


def prior(spec: ActionSpec, contexts: frozenset[Context]) -> bool:
    """Whether the action comes before others on the same key."""
    return spec.risk == "kill" or not contexts.intersection(spec.contexts).isdisjoint(PRIOR)


NICE = {
    "escape": "Esc", "left": "←", "right": "→", "up": "↑", "down": "↓", "pagedown": "PgDn", "pageup": "PgUp", "home": "Home",
    "end": "End", "tab": "Tab", "shift+tab": "Shift+Tab", "space": "Space", "enter": "Enter",
    "shift+left": "Shift+←", "shift+right": "Shift+→",
}  # fmt: skip


def key_name(key: str) -> str:
    """A key as people write it: ``ctrl+p`` → ``^P``, ``f9`` → ``F9``."""
    if key in NICE:
        return NICE[key]
    if key.startswith("ctrl+") and len(key) == 6:
        return "^" + key[-1].upper()
    return key.upper() if len(key) > 1 and key[0] == "f" and key[1:].isdigit() else key


def caps(specs: Iterable[ActionSpec] = DEFAULT, *, past: bool = False) -> dict[str, str]:
    """Action id → the first of its keys that works, as people write it; an action without one is not in it.

    ``past``: where the past is shown some keys mean something else.
    """
    specs = list(specs)
    if not past:
        return {spec.id: key_name(spec.keys[0]) for spec in specs if spec.keys}
    table = bindings(specs)
    situations = [name for name in SITUATIONS if name.startswith("replay") or name in ("dialog", "help", "reader")]
    works = {
        spec.id: next((key for key in spec.keys if any(lookup(table, key, s) is spec for s in situations)), "")
        for spec in specs
    }
    return {name: key_name(key) for name, key in works.items() if key}


CAPS = caps()
"""With the default keys."""
STOPPED = frozenset({"HALTED", "SAFE"})


IN_REPLAY = ("play", "step_on", "next_mark", "goto", "why", "marks", "help", "quit")
BEHIND = ("kill", "pause", "live", "play", "help", "quit")


def hints(specs: Iterable[ActionSpec], trading: str = "ACTIVE", mode: Mode = "live") -> list[tuple[str, str]]:
    """(key, label) for the status bar, most important first; where trading has stopped, re-arm stands for pause."""
    known = {spec.id: spec for spec in specs}
    if mode == "replay":
        return [(key_name(known[name].keys[0]), known[name].label) for name in IN_REPLAY if known[name].keys]
    shown = [known[name] for name in BEHIND] if mode == "behind" else [spec for spec in known.values() if spec.show]
    if trading in STOPPED:
        shown = [known["rearm"] if spec.id == "pause" and mode == "live" else spec for spec in shown]
    resume = {"pause": "resume"} if trading == "PAUSED" else {}
    return [(key_name(spec.keys[0]), resume.get(spec.id, spec.label)) for spec in shown if spec.keys]


def keys_markdown(specs: Iterable[ActionSpec] = DEFAULT) -> str:
    """The text of docs/keys.md."""
    specs = list(specs)
    lines = [
        "# Keys",
        "",
        "Made from `cockpit/actions.py`. Move any of them in the profile: `screen.keymap` maps an id to keys, separated by",
        "commas, for example `approve: a` or `kill: f10,ctrl+g`. Clashes, unknown ids and a kill switch without a key are",
        "errors at start.",
        "",
        "Letters do nothing else while a text field has the focus: they are typed. The kill switch works even then (F9 or ^G).",
    ]
    for group in dict.fromkeys(spec.group for spec in specs):
        lines += ["", f"## {group}", "", "| keys | id | where | what it does |", "|---|---|---|---|"]
        for spec in specs:
            if spec.group == group:
                keys = " ".join(f"`{key_name(key)}`" for key in spec.keys)
                lines.append(f"| {keys} | `{spec.id}` | {', '.join(spec.contexts)} | {spec.help} |")
    return "\n".join(lines) + "\n"
