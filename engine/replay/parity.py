"""Parity: what the simulator makes of a session's market data, order by order beside what was recorded.

The same strategies, core, gate and accounting see the recorded market, clock, links and commands; only the venue is the simulated
one. Every difference has a cause out of ``parity_causes.CAUSES``, and the money of all causes is the difference of the profits,
to the last digit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Context, Decimal, localcontext
from pathlib import Path

import msgspec

from engine.journal.recording import Recording
from engine.model.errors import CockpitError
from engine.model.fill_settings import FillModel
from engine.model.orders import ZERO
from engine.model.settings import Profile
from engine.model.state import State
from engine.replay.changes import with_fill
from engine.replay.parity_causes import TIMING, Cause, Row, Setting, explain
from engine.replay.parity_deals import Deal, Deals, Pairs, Settled
from engine.replay.parity_run import Past, read, rerun
from engine.replay.sessions import MADE, is_whatif
from engine.replay.verify import config_of

DIGITS = 100
"""Enough for every sum and product of prices, quantities and fees to be exact."""
REPORT_NS = 1_000_000_000
"""At a venue behind a wire, reports of one moment reach us within this time of each other."""
FUNDING_NS = 60_000_000_000
"""Settlements within this time are the same one."""


class Side(msgspec.Struct, kw_only=True):
    """The totals of one side. ``pnl`` is net of fees and funding, with what is still held valued at the last mark."""

    orders: int
    sent: int
    refused: int
    fills: int
    qty: Decimal
    fees: Decimal
    funding: Decimal
    pnl: Decimal


class Paid(msgspec.Struct, kw_only=True):
    """A settlement of funding on both sides; None where there was none."""

    seq: int
    recorded: Settled | None
    simulated: Settled | None
    causes: list[Cause] = []


class Parity(msgspec.Struct, kw_only=True):
    """``rows`` are all orders in time; ``by_cause`` adds up to ``difference`` (recorded less simulated) exactly.

    ``from_seq`` is the last event that both sides have in common by construction (0: everything was run).
    """

    session: str
    recording: Path
    venue: str
    currency: str
    from_seq: int
    fill: FillModel
    changes: list[tuple[str, str, str]]
    assumptions: list[str]
    rows: list[Row]
    funding: list[Paid]
    recorded: Side
    simulated: Side
    difference: Decimal
    by_cause: dict[str, Decimal]
    counts: dict[str, int]
    damage: list[str]

    @property
    def differing(self) -> list[Row]:
        return [row for row in self.rows if row.causes]

    @property
    def same(self) -> bool:
        return not self.differing and not any(paid.causes for paid in self.funding)


def parity(
    path: Path, settings: Mapping[str, str] | None = None, progress: Callable[[float], object] | None = None
) -> Parity:
    """Compare a session on paper, at the demo exchange or live with the simulator. ``settings`` changes it (``fill.latency_ms``).

    RecordingError for what is no recording, ConfigError for a setting, CockpitError for a session that cannot be compared.
    """
    with Recording.open(path) as recording:
        config = config_of(recording)
        _check(recording, config.profile.mode)
        last = recording.last
        end = last.seq if last is not None else 0
        past = read(recording, config, end, _told(progress, 0, end))
        if not past.handover:
            what = "the account is never settled in it: there is no moment to begin at"
            raise CockpitError(what, str(path), "a recording of a session that came up is needed")
        profile, asked = with_fill(config.profile, _default(past, dict(settings or {})))
        changes = [change for change in asked if change[1] != change[2]]
        try:
            own, pairs = rerun(recording, past, profile, end, _told(progress, 1, end))
        except ArithmeticError as error:
            what = f"the recording holds numbers that no venue could trade at: {error!r}"
            raise CockpitError(what, str(path)) from error
        with localcontext(Context(prec=DIGITS)):
            return _compared(path, past, profile, changes, own, pairs, recording.damage)


def _told(progress: Callable[[float], object] | None, n: int, end: int) -> Callable[[int], object]:
    """Shares of the whole, for each of the two readings of the recording."""
    return lambda seq: progress((n + seq / max(1, end)) / 2) if progress is not None else None


def _check(recording: Recording, mode: str) -> None:
    where = str(recording.path)
    if mode == "BACKTEST":
        hint = "a backtest is the simulator itself; compare a session on paper, at the demo exchange or live"
        raise CockpitError("a backtest's recording refers to its market data and does not hold it", where, hint)
    started = next((e for _, e in recording.events(1, 1)), None)
    session = getattr(started, "session", "")
    if is_whatif(session):
        raise CockpitError("this is a what-if", where, f"compare the session itself: {MADE.sub('', session)}")


def _default(past: Past, settings: dict[str, str]) -> dict[str, str]:
    """A real book has its own slippage and spread: away from paper none is added to it unless asked for."""
    return settings if past.on_paper else {"fill.slippage_bps": "0.0", "fill.spread": "book", **settings}


def _compared(
    path: Path, past: Past, profile: Profile, changes: list[tuple[str, str, str]], own: Deals, pairs: Pairs,
    damage: list[str],
) -> Parity:  # fmt: skip
    recorded_fill = past.config.profile.fill
    setting = Setting(
        here=profile.fill,
        there=recorded_fill if past.on_paper else None,
        instruments={s: m.instrument for s, m in past.state.markets.items() if m.instrument is not None},
        last={s: _last(past.state, s) for s in past.state.markets},
        end_t=past.state.t,
        slack_ns=0 if past.on_paper else REPORT_NS,
    )
    rows = _rows(past.deals, own, pairs)
    origin = _explain(rows, setting)
    funding = _funding(past.deals.funding, own.funding, origin)
    by_cause: dict[str, Decimal] = {}
    counts: dict[str, int] = {}
    for cause in (*(c for row in rows for c in row.causes), *(c for paid in funding for c in paid.causes)):
        by_cause[cause.code] = by_cause.get(cause.code, ZERO) + cause.pnl
        counts[cause.code] = counts.get(cause.code, 0) + 1
    there, here = _side(past.deals, setting), _side(own, setting)
    return Parity(
        session=past.started.session,
        recording=path,
        venue=past.started.venue,
        currency=past.state.account.currency,
        from_seq=0 if past.on_paper and past.fresh else past.handover,
        fill=profile.fill,
        changes=changes,
        assumptions=_assumptions(past, profile.fill),
        rows=rows,
        funding=funding,
        recorded=there,
        simulated=here,
        difference=there.pnl - here.pnl,
        by_cause=by_cause,
        counts=counts,
        damage=damage,
    )


def _explain(rows: list[Row], setting: Setting) -> int:
    """Give every row its causes; the number of the first one that changed the account (else of the first of all; 0: none)."""
    loud = quiet = 0
    for row in rows:
        row.causes = explain(row, setting, loud or quiet)
        quiet = quiet or (row.seq if row.causes else 0)
        loud = loud or (row.seq if any(c.pnl or c.code not in QUIET for c in row.causes) else 0)
    return loud or quiet


QUIET = TIMING | {"rounding"}
"""Causes that, without money, leave the account as it was: a fill at the same price a little later."""


def _rows(recorded: Deals, own: Deals, pairs: Pairs) -> list[Row]:
    rows = []
    for deal in recorded.all.values():
        here = own.all.get(pairs.own_of.get(deal.id, ""))
        rows.append(Row(seq=deal.seq, t=deal.t, recorded=deal, simulated=here))
    for deal in own.all.values():
        if deal.id not in pairs.recorded_of:
            rows.append(Row(seq=deal.seq, t=deal.t, recorded=None, simulated=deal))
    return sorted(rows, key=lambda row: (row.t, row.seq))


def _funding(recorded: list[Settled], own: list[Settled], origin: int) -> list[Paid]:
    left, rows = list(own), []
    for there in recorded:
        near = [s for s in left if s.symbol == there.symbol and abs(s.t - there.t) <= FUNDING_NS]
        here = min(near, key=lambda s: abs(s.t - there.t), default=None)
        if here is not None:
            left.remove(here)
        rows.append(Paid(seq=there.seq, recorded=there, simulated=here))
    rows += [Paid(seq=here.seq, recorded=None, simulated=here) for here in left]
    for row in rows:
        a, b = (row.recorded.amount if row.recorded else ZERO), (row.simulated.amount if row.simulated else ZERO)
        if a != b or row.recorded is None or row.simulated is None:
            after = f", after #{origin}" if origin else ""
            row.causes = [Cause("funding", f"{a:+f} there, {b:+f} here{after}", a - b)]
    return rows


def _side(deals: Deals, setting: Setting) -> Side:
    asked = [d for d in deals.all.values() if d.role not in ("venue", "foreign")]
    funding = sum((f.amount for f in deals.funding), ZERO)
    worth = sum((d.worth(setting.last.get(d.symbol, ZERO)) for d in deals.all.values()), ZERO)
    return Side(
        orders=len(asked),
        sent=sum(1 for d in asked if d.sent_t),
        refused=sum(1 for d in asked if d.refused),
        fills=sum(len(d.parts) for d in deals.all.values()),
        qty=sum((d.filled for d in deals.all.values()), ZERO),
        fees=sum((d.fees for d in deals.all.values()), ZERO),
        funding=funding,
        pnl=worth + funding,
    )


def _last(state: State, symbol: str) -> Decimal:
    market = state.markets[symbol]
    return Decimal(repr(market.price or market.last or 0.0))


def _assumptions(past: Past, fill: FillModel) -> list[str]:
    if past.on_paper:
        order = "Both venues are the simulator: it hears every event in the recorded order."
    else:
        order = "An order arrives at the simulator when the recorded venue first spoke of it."
    slippage = f"{fill.slippage_bps:g} bp of slippage on top" if fill.slippage_bps else "no slippage on top"
    spread = "" if fill.spread == "book" else f" and a spread of at least {fill.spread_bps:g} bp"
    taken = "market orders take the recorded book, limits wait in its queue"
    return [
        order,
        f"Orders are live {fill.latency_ms:g} ms later; {taken}; {slippage}{spread}.",
        f"Stops go by the {fill.trigger}.",
    ]


__all__ = ["Deal", "Parity", "Row", "parity"]
