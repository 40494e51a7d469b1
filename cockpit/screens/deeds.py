"""What each action does on the trade screen, one function or line for each id of the registry."""

from __future__ import annotations

from collections.abc import Callable

from textual.command import CommandPalette

from cockpit.actions import PANE_DIGITS, SITUATIONS
from cockpit.chart.widget import CandleChart
from cockpit.guard import REFUSALS, Press
from cockpit.panes.base import ListPane, Pane
from cockpit.screens import questions
from cockpit.screens.help import Actions, HelpScreen
from cockpit.screens.trade import TradeScreen
from cockpit.screens.travel import TRAVEL
from cockpit.source import TravelSource
from cockpit.theme import DARK, LIGHT

Deed = Callable[[TradeScreen, Press | None], object]


# --- orders and positions ---------------------------------------------------------------------------------------


def approve(screen: TradeScreen, press: Press | None) -> None:
    """Approve what has been on the screen long enough; the terms that were read go with the command."""
    terms = screen.asked()
    refusal = screen.guard.refusal(press, terms) if press is not None else "hidden"
    if not terms and screen.asked_id():
        refusal = "partial"
    if screen.cockpit.stalled:
        refusal = "stalled"
    if refusal:
        screen.cockpit.say(REFUSALS[refusal], "warning")
    elif screen.cockpit.command("approve", screen.asked_id(), terms):
        screen.guard.decide(screen.cockpit.clock())
        screen.seen = ()


def decline(screen: TradeScreen, _press: Press | None) -> None:
    """No is always safe, so it needs no time on the screen; but it must be the order that one sees."""
    if not screen.asked_id():
        screen.cockpit.say(REFUSALS["hidden"], "warning")
    elif screen.cockpit.command("decline", screen.asked_id()):
        screen.guard.decide(screen.cockpit.clock())
        screen.seen = ()


def cancel(screen: TradeScreen, _press: Press | None) -> None:
    cockpit = screen.cockpit
    view = cockpit.view()
    client_id = screen.orders.selected(view) or ""
    order = view.state.orders.get(client_id)
    if order is None:
        cockpit.say("No order is selected; protective stops are not cancelled from here.")
    elif client_id in view.state.approvals:
        cockpit.say("This order waits for approval: decline it there.")
    else:
        cockpit.ask(questions.cancel(order), lambda _: cockpit.command("cancel", client_id))


def close(screen: TradeScreen, _press: Press | None) -> None:
    cockpit = screen.cockpit
    view = cockpit.view()
    position = view.state.positions.get(view.symbol)
    if position is None or not position.qty:
        cockpit.say(f"No position in {view.symbol}.")
    else:
        cockpit.ask(questions.close(position), lambda _: cockpit.command("close", view.symbol))


# --- safety -----------------------------------------------------------------------------------------------------


def pause(screen: TradeScreen, _press: Press | None) -> None:
    trading = screen.cockpit.present().state.trading
    if trading in ("ACTIVE", "PAUSED"):
        screen.cockpit.command("resume" if trading == "PAUSED" else "pause")
    else:
        screen.cockpit.say(f"Trading is {trading}: it has to be re-armed.", "warning")


def flatten(screen: TradeScreen, _press: Press | None) -> None:
    cockpit = screen.cockpit
    cockpit.ask(questions.flatten(cockpit.view()), lambda typed: cockpit.command("flatten", text=typed))


def rearm(screen: TradeScreen, _press: Press | None) -> None:
    cockpit = screen.cockpit
    view = cockpit.view()
    if view.state.trading == "ACTIVE":
        cockpit.say("Trading is active already.")
    else:
        cockpit.ask(questions.rearm(view), lambda why: cockpit.command("rearm", text=why))


def adopt(screen: TradeScreen, _press: Press | None) -> None:
    """Of a position first: it wants a stop; the balance can wait."""
    cockpit = screen.cockpit
    state = cockpit.present().state
    symbols = [name.partition("/")[2] for name in sorted(state.alarms) if name.startswith("PositionMismatch/")]
    if symbols:
        cockpit.ask(questions.adopt_position(symbols[0]), lambda _: cockpit.command("adopt", symbols[0]))
    elif "BalanceMismatch/" in state.alarms:
        cockpit.ask(questions.adopt_balance(), lambda _: cockpit.command("adopt", state.account.currency))
    else:
        cockpit.say("Nothing differs from the venue.")


def leave(screen: TradeScreen, _press: Press | None) -> None:
    """Quit; with anything open at the venue the person says what becomes of it."""
    cockpit = screen.cockpit
    view = cockpit.present()
    if cockpit.source is None or view.source == "replay" or not questions.exposed(view):
        cockpit.leave("flat")
    else:
        cockpit.ask(questions.leave(view), lambda answer: left(screen, answer))


def left(screen: TradeScreen, answer: str) -> None:
    """The answer to the quit question; closing everything is flattening, so it asks for the word as well."""
    cockpit = screen.cockpit
    if answer == "quit_leave":
        cockpit.leave("leave")
    else:
        cockpit.ask(questions.flatten(cockpit.present()), lambda _: cockpit.leave("close"))


# --- the screen -------------------------------------------------------------------------------------------------


def maximise(screen: TradeScreen, _press: Press | None) -> None:
    screen.maximised_pane = "" if screen.maximised_pane else screen.focused_name()
    screen.place()


def back(screen: TradeScreen, _press: Press | None) -> None:
    """One step back: out of the filter, out of the maximised pane, out of a filter that was kept."""
    if screen.filter.display:
        screen.filter.value = ""
        screen.close_filter()
    elif screen.maximised_pane:
        screen.maximised_pane = ""
        screen.place()
    elif isinstance(screen.focused, ListPane):
        screen.focused.set_filter("")


def focus_timeline(screen: TradeScreen, _press: Press | None) -> None:
    if screen.timeline.display:
        screen.timeline.focus()
    else:
        screen.cockpit.say("The timeline has no place here; , steps back in time.")


def show_sessions(screen: TradeScreen, _press: Press | None) -> None:
    """The list over this screen, which stays what it is."""
    from cockpit.screens.sessions import SessionsScreen

    source = screen.cockpit.source
    if not isinstance(source, TravelSource) or source.recording is None:
        screen.cockpit.say("There is no folder of sessions here.")
    else:
        screen.app.push_screen(
            SessionsScreen(source.recording.parent, screen.cockpit.view(), screen.cockpit.keys, opens=False)
        )


def symbol(screen: TradeScreen, _press: Press | None) -> None:
    cockpit = screen.cockpit
    symbols = cockpit.profile.symbols
    cockpit.symbol = symbols[(symbols.index(cockpit.symbol) + 1) % len(symbols)]
    cockpit.tick()


def theme(screen: TradeScreen, _press: Press | None) -> None:
    app = screen.app
    app.theme = LIGHT.name if app.theme == DARK.name else DARK.name
    screen.seen = ()


def show_help(screen: TradeScreen, _press: Press | None) -> None:
    screen.app.push_screen(HelpScreen(screen.cockpit.specs, SITUATIONS[screen.situation]))


def on_chart(action: Callable[[CandleChart], object]) -> Deed:
    """An action of the chart; the frame's heading follows in the same picture, not in the one after."""

    def deed(screen: TradeScreen, _press: Press | None) -> None:
        action(screen.chart.chart)
        screen.chart.again()

    return deed


DEEDS: dict[str, Deed] = {
    "approve": approve,
    "decline": decline,
    "pause": pause,
    "flatten": flatten,
    "rearm": rearm,
    "adopt": adopt,
    "cancel": cancel,
    "close": close,
    **{f"pane_{name}": lambda screen, _, name=name: screen.focus_pane(name) for name in PANE_DIGITS.values()},  # type: ignore[misc]
    "pane_timeline": focus_timeline,
    "sessions": show_sessions,
    **TRAVEL,
    "maximise": maximise,
    "back": back,
    "next_pane": lambda screen, _: screen.focus_next(Pane),
    "previous_pane": lambda screen, _: screen.focus_previous(Pane),
    "next_tab": lambda screen, _: screen.log_pane.next_tab(),
    "previous_tab": lambda screen, _: screen.log_pane.prev_tab(),
    "filter": lambda screen, _: screen.open_filter(),
    "down": lambda screen, _: screen.list.move(1),
    "up": lambda screen, _: screen.list.move(-1),
    "page_down": lambda screen, _: screen.list.page(1),
    "page_up": lambda screen, _: screen.list.page(-1),
    "top": lambda screen, _: screen.list.move_to("first"),
    "bottom": lambda screen, _: screen.list.move_to("last"),
    "zoom_in": on_chart(CandleChart.action_zoom_in),
    "zoom_out": on_chart(CandleChart.action_zoom_out),
    "pan_left": on_chart(CandleChart.action_pan_left),
    "pan_right": on_chart(CandleChart.action_pan_right),
    "follow": on_chart(CandleChart.action_pan_to_end),
    "crosshair": on_chart(CandleChart.action_toggle_crosshair),
    "timeframe": on_chart(CandleChart.action_cycle_timeframe),
    "symbol": symbol,
    "theme": theme,
    "palette": lambda screen, _: screen.app.push_screen(CommandPalette(providers=[Actions])),
    "help": show_help,
    "quit": leave,
}
"""By action id. The kill switch is not here: the app takes it before anything else."""
