"""What the keys of time travel do on the trade screen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from cockpit import format as fmt
from cockpit.guard import Press
from cockpit.panes import reading
from cockpit.panes.text import Column, Line
from cockpit.panes.timeline_rows import sign, speed_text
from cockpit.screens.prompt import Prompt
from cockpit.screens.reader import Entry, Reader, Sheet
from cockpit.source import TravelSource
from cockpit.view import View
from engine.model.errors import CockpitError
from engine.model.orders import Fill, Order, Stop, Trade
from engine.replay.marks import Mark

if TYPE_CHECKING:  # what reads recordings is imported when somebody travels: it would slow every start down
    from cockpit.screens.trade import TradeScreen
    from cockpit.travel import Traveller
    from engine.journal.recording import Recording
    from engine.replay.diff import Change
    from engine.replay.timeline import Hit
    from engine.replay.why import Link

Deed = Callable[["TradeScreen", Press | None], object]
NOWHERE = "There is nothing to travel in yet."


def traveller(screen: TradeScreen, *, begin: bool = True) -> Traveller | None:
    """The cursor; where a running session is shown as it is, the screen goes behind it first (or says why it cannot)."""
    source = screen.cockpit.source
    if not isinstance(source, TravelSource):
        screen.cockpit.say(NOWHERE)
        return None
    if source.travel is not None or not begin:
        return source.travel
    try:
        return source.begin()
    except CockpitError as error:
        screen.cockpit.say(f"The recording cannot be opened: {error}", "warning")
        return None


def going(move: Callable[[Traveller], object]) -> Deed:
    """A deed that moves the cursor; one that returns a sentence has found no way and says it."""

    def deed(screen: TradeScreen, _press: Press | None) -> None:
        travel = traveller(screen)
        if travel is None:
            return
        travel.note = ""
        said = move(travel)
        if isinstance(said, str):
            travel.note = said
            if not screen.timeline.says:
                screen.cockpit.say(said)
        screen.cockpit.motion.wake()

    return deed


def to_mark(direction: int) -> Deed:
    missing = "No mark behind the cursor." if direction > 0 else "No mark before the cursor."
    return going(lambda travel: missing if travel.to_mark(direction) is None else None)


def to_hit(direction: int) -> Deed:
    return going(lambda travel: "Search first: /" if travel.to_hit(direction) is None else None)


def faster(steps: int) -> Deed:
    return going(lambda travel: f"Speed {speed_text(travel.player.faster(steps))}")


def live(screen: TradeScreen, _press: Press | None) -> None:
    """Back to what is now; at the end of a recording there is no now, only its last event."""
    source = screen.cockpit.source
    if not isinstance(source, TravelSource) or (source.travel is None):
        screen.cockpit.say("This is live.")
    elif source.return_to_live():
        screen.cockpit.tick()
    else:
        source.travel.note = ""
        source.travel.to(source.travel.replay.last.seq)
        screen.cockpit.motion.wake()


def set_end(name: str) -> Deed:
    """Set an end of the loop at the cursor; at the same place again it goes away."""

    def act(travel: Traveller) -> str:
        player = travel.player
        now = travel.place_now()
        t = None if getattr(player, name) == now else now
        setattr(player, name, t)
        return f"{name.upper()} {'cleared' if t is None else 'at ' + fmt.clock_ms(t)}"

    return going(act)


T = TypeVar("T")


def apart(screen: TradeScreen, ask: Callable[[Recording], T], then: Callable[[T], object]) -> None:
    """Ask the recording something that takes time; beside a running engine in a thread, on a connection of its own."""
    from engine.journal.recording import Recording

    source = screen.cockpit.source
    path = source.recording if isinstance(source, TravelSource) else None
    if path is None:
        screen.cockpit.say(NOWHERE)
        return
    travel = traveller(screen, begin=False)
    if travel is not None and not travel.running:
        then(ask(travel.replay.recording))
        return

    def asked() -> T:
        with Recording.open(path) as recording:
            return ask(recording)

    async def work() -> None:
        try:
            then(await asyncio.to_thread(asked))
        except CockpitError as error:
            screen.cockpit.say(str(error), "warning")

    screen.run_worker(work(), exit_on_error=False, group="apart", exclusive=True)


# --- dialogs ----------------------------------------------------------------------------------------------------


def goto(screen: TradeScreen, _press: Press | None) -> None:
    from engine.replay.goto import FORMS, GotoError

    travel = traveller(screen)
    if travel is None:
        return

    def take(text: str) -> str:
        try:
            travel.goto(text)
        except GotoError as error:
            return str(error)
        return ""

    screen.app.push_screen(Prompt("Go to", FORMS, take), lambda _: screen.cockpit.motion.wake())


def search(screen: TradeScreen, _press: Press | None) -> None:
    from cockpit.survey import find

    travel = traveller(screen)
    if travel is None:
        return

    def then(text: str | None) -> None:
        if text:
            apart(screen, lambda recording: find(recording, text), lambda hits: found(text, hits))

    def found(text: str, hits: list[Hit]) -> None:
        travel.found(text, hits)
        screen.cockpit.motion.wake()

    hint = "text in fills, orders, refusals, notices, keys …; then n and N"
    screen.app.push_screen(Prompt("Search the recording", hint, lambda _: "", travel.sought), then)


def bookmark(screen: TradeScreen, _press: Press | None) -> None:
    """Keep this moment; on a live screen the present one, without leaving it."""
    source = screen.cockpit.source
    kept = source.bookmarks if isinstance(source, TravelSource) else None
    if kept is None:
        screen.cockpit.say(NOWHERE)
        return
    travel = traveller(screen, begin=False)
    if travel is not None:
        travel.arrive()
    view = screen.cockpit.view()
    seq, t = view.state.seq, view.now

    def take(note: str) -> str:
        try:
            kept.put(seq, t, note)
        except OSError as error:
            return f"it cannot be kept: {error}"
        return ""

    title = f"Bookmark at {fmt.clock_ms(t)} #{seq:,}"
    screen.app.push_screen(Prompt(title, "a note, or only Enter", take, empty=True), lambda _: marked(screen))


def marked(screen: TradeScreen) -> None:
    travel = traveller(screen, begin=False)
    if travel is not None:
        travel.mark_up()
    screen.cockpit.motion.wake()


# --- lists ------------------------------------------------------------------------------------------------------

GO: Line = [("Enter ", "label b"), ("go there  ", "dim"), ("Esc ", "label b"), ("close ", "dim")]


def read(screen: TradeScreen, make: Callable[[], Sheet], drop: Callable[[int], None] | None = None) -> None:
    """Show a list; a row that was chosen is gone to."""

    def chosen(seq: int | None) -> None:
        if seq:
            go_to(screen, seq)

    screen.app.push_screen(Reader(make, screen.cockpit.view(), drop), chosen)


def go_to(screen: TradeScreen, seq: int) -> None:
    travel = traveller(screen)
    if travel is not None:
        travel.note = ""
        travel.to(seq)
        screen.cockpit.motion.wake()


def marks(screen: TradeScreen, _press: Press | None) -> None:
    """Bookmarks first of all, then every other mark."""
    source = screen.cockpit.source
    kept = source.bookmarks if isinstance(source, TravelSource) else None
    if kept is None:
        screen.cockpit.say(NOWHERE)
        return

    def entry(mark: Mark) -> Entry:
        glyph, style = sign(mark)
        when, what = (fmt.clock_ms(mark.t), "label"), (mark.kind, style)
        return Entry(mark.seq, [when, (glyph, style), what, (mark.text, "value"), (f"#{mark.seq:,}", "dim")])

    def make() -> Sheet:
        strip = screen.cockpit.view().strip
        rows = sorted(strip.marks if strip is not None else (), key=lambda mark: (mark.kind != "bookmark", mark.seq))
        columns = (Column("time", 12), Column("", 1), Column("what", 9), Column("", 0), Column("seq", 10, ">", 1))
        hints: Line = [*GO[:2], ("x ", "label b"), ("remove a bookmark  ", "dim"), *GO[2:]]
        return Sheet([("BOOKMARKS AND MARKS", "label b")], columns, [entry(m) for m in rows], "no marks yet", hints)

    def drop(seq: int) -> None:
        try:
            kept.drop(seq)
        except OSError as error:
            screen.cockpit.say(f"It cannot be removed: {error}", "warning")
        marked(screen)

    read(screen, make, drop)


def diff(screen: TradeScreen, _press: Press | None) -> None:
    """The state at A against the state at B, or what the last event changed."""
    from cockpit.survey import differences

    travel = traveller(screen)
    if travel is None:
        return
    (a, b), market = travel.ends(), travel.replay.market
    apart(screen, lambda recording: differences(recording, a, b, market), lambda found: show_diff(screen, a, b, found))


def show_diff(screen: TradeScreen, a: int, b: int, changes: list[Change]) -> None:
    def cells(change: Change) -> Line:
        before, after = change.before, change.after
        return [
            (change.path, "value"),
            (before or "–", "bear" if before else "dim"),
            (after or "–", "bull" if after else "dim"),
        ]

    def make() -> Sheet:
        entries = [Entry(0, cells(change)) for change in changes]
        what = f" #{a:,} → #{b:,}"
        title: Line = [("DIFFERENCE", "label b"), (what, "value"), (f"  {len(changes):,} changes", "dim")]
        columns = (Column("what", 0, least=20), Column("before", 0, least=12), Column("after", 0, least=12))
        empty = "nothing changed (set A and B to compare two moments)"
        return Sheet(title, columns, entries, empty, GO[2:], lambda e: [[(cell[0], cell[1])] for cell in e.cells])

    read(screen, make)


def why(screen: TradeScreen, _press: Press | None) -> None:
    """The chain of the selected order, else of the newest one in this symbol."""
    from cockpit.survey import chain

    view = screen.cockpit.view()
    client_id = chosen_order(screen, view)
    if not client_id:
        screen.cockpit.say("No order is selected, and there is none in this symbol.")
        return
    upto, order = view.strip.seq if view.strip is not None else view.state.seq, view.state.orders.get(client_id)

    def ask(recording: Recording) -> list[Link]:
        return chain(recording, client_id, upto)

    apart(screen, ask, lambda links: show_why(screen, client_id, order, links))


def show_why(screen: TradeScreen, client_id: str, order: Order | None, links: list[Link]) -> None:
    def cells(link: Link, first: bool, start: int) -> Line:
        since, loud = link.since_previous_ns, "refused" in link.title or "no answer" in link.title
        return [
            (fmt.clock_ms(link.t), "label"),
            ("" if first else f"+{latency(since)}", "strong" if since > fmt.SECOND else "value"),
            ("" if first else f"+{latency(link.t - start)}", "dim"),
            (link.title, "need" if loud else "focus b"),
            (link.text, "value"),
            (f"#{link.seq:,}", "dim"),
        ]

    def make() -> Sheet:
        start = links[0].t if links else 0
        entries = [Entry(link.seq, cells(link, not n, start)) for n, link in enumerate(links)]
        what: Line = (
            [(f" {order.side} {order.qty:f} {order.symbol} {order.status}", "value")] if order is not None else []
        )
        columns = (
            Column("time", 12), Column("step", 9, ">"), Column("total", 9, ">", 2), Column("what", 22), Column("", 0, least=16),
            Column("seq", 10, ">", 3),
        )  # fmt: skip
        title: Line = [("WHY ", "label b"), (client_id, "strong"), *what]
        about = lambda e: [[("╰ ", "rule"), (e.cells[4][0], "value")]]  # noqa: E731
        return Sheet(title, columns, entries, "nothing is known of this order at this moment", GO, about)

    read(screen, make)


def latency(ns: int) -> str:
    """``0.4 ms``, ``12 ms``, ``3.2 s``, ``4 m``."""
    return fmt.latency(ns / 1e6) if ns < fmt.SECOND else fmt.age(ns)


# --- from a row to its moment -----------------------------------------------------------------------------------


def chosen_order(screen: TradeScreen, view: View) -> str:
    """Client id of what is selected in the focused list, asked for, or newest in this symbol; empty when there is none."""
    asked = reading.waiting(view)
    if screen.focused is screen.approval or screen.focused is screen.approval_strip:
        return asked.order.client_id if asked is not None else ""
    row = screen.list.selected_row(view) if screen.focused in (screen.orders, screen.log_pane) else None
    if isinstance(row, Order):
        return row.client_id
    found = getattr(row, "client_id", "")
    if found:
        return str(found)
    if isinstance(row, Trade):
        fills = [f for f in view.state.fills if f.symbol == row.symbol and f.t == row.entry_t and f.client_id]
        return fills[0].client_id if fills else ""
    newest = [o for o in view.state.orders.values() if o.symbol == view.symbol and o.role == "entry"]
    return max(newest, key=lambda o: o.created_t).client_id if newest else ""


def moment_of(row: Any, view: View, travel: Traveller) -> int:
    """Number of the event that a row is about; 0 when it is not known."""
    from cockpit.survey import fill_seq, order_seq, trade_seq

    if isinstance(row, Order):
        return order_seq(travel.replay.recording, row.client_id, travel.replay.last.seq)
    if isinstance(row, Fill):
        return fill_seq(view.state, row)
    if isinstance(row, Trade):
        return trade_seq(view.state, row) or travel.replay.seq_at(row.exit_t)
    if isinstance(row, tuple) and isinstance(row[-1], Stop):
        return travel.replay.seq_at(row[-1].t)
    return int(getattr(row, "seq", 0))


def jump(screen: TradeScreen, _press: Press | None) -> None:
    """Enter on a row: the cursor goes to its moment."""
    view = screen.cockpit.view()
    row = screen.list.selected_row(view)
    if row is None:
        screen.cockpit.say("Nothing is selected.")
        return
    travel = traveller(screen)
    if travel is None:
        return
    seq = moment_of(row, view, travel)
    if seq:
        go_to(screen, seq)
    else:
        screen.cockpit.say("The moment of this row is not known.")


TRAVEL: dict[str, Deed] = {
    "play": going(lambda travel: travel.toggle()),
    "step_back": going(lambda travel: travel.step(-1)),
    "step_on": going(lambda travel: travel.step(1)),
    "skip_back": going(lambda travel: travel.skip(-5)),
    "skip_on": going(lambda travel: travel.skip(5)),
    "leap_back": going(lambda travel: travel.skip_share(-0.1)),
    "leap_on": going(lambda travel: travel.skip_share(0.1)),
    "previous_mark": to_mark(-1),
    "next_mark": to_mark(1),
    **{
        f"share_{digit}": going(lambda travel, digit=digit: travel.to_share(digit / 10))  # type: ignore[misc]
        for digit in range(10)
    },
    "to_start": going(lambda travel: travel.to(travel.replay.first.seq)),
    "to_end": going(lambda travel: travel.to(travel.replay.last.seq)),
    "slower": faster(-1),
    "faster": faster(1),
    "unit": going(lambda travel: f"Steps by {travel.next_unit()}"),
    "goto": goto,
    "bookmark": bookmark,
    "marks": marks,
    "search": search,
    "next_hit": to_hit(1),
    "previous_hit": to_hit(-1),
    "loop_a": set_end("a"),
    "loop_b": set_end("b"),
    "diff": diff,
    "why": why,
    "live": live,
    "jump": jump,
    "widen": going(lambda travel: travel.zoom_by(-1)),
    "narrow": going(lambda travel: travel.zoom_by(1)),
}
"""By action id."""
