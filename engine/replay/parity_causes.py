"""Why an order came to something else: a table of causes, and for each difference the money that goes with it, exactly."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from engine.model.fill_settings import FillModel
from engine.model.market import Instrument
from engine.model.orders import ZERO, sign
from engine.replay.parity_deals import Book, Deal, taken_from
from engine.sim.fillmodel import walk

CAUSES: dict[str, str] = {
    "price": "the venue filled at another price than the recorded book gives",
    "latency": "filled at another moment: the book had moved between",
    "slippage": "the fill model's slippage and spread, on top of the recorded book",
    "partial": "another part of the order was filled",
    "queue": "a resting limit's turn came at another time, or not",
    "trigger": "a stop or target was released by another price or at another time",
    "consequence": "an earlier difference changed the position, the equity or the pace of orders",
    "resized": "another size, because equity or the room under a limit differed",
    "refused there": "refused in the recording and not here",
    "refused here": "refused here and not in the recording",
    "answer": "a person's answer met other terms, or nobody was asked then",
    "fee rate": "another fee than the instrument's rates",
    "funding": "another settlement of funding",
    "rounding": "less than a tick, from several executions, or of the last digits of a fee",
    "foreign": "traded at the venue by somebody else",
    "ended": "the order ended in another way",
    "end": "the recording ends before the venue had answered",
    "unexplained": "none of these",
}
"""Stable names of what can differ."""
TIMING = frozenset({"latency", "queue", "trigger"})
SETTLED = Decimal("1e-12")
"""Shares of the money are whole multiples of this."""
CRUMB = Decimal("0.000001")
"""Less of the account's currency than this in a fee is the venue's rounding."""
EXACTLY = Decimal("0.0001")
"""Rates that are closer to each other than this part of them are the same rate."""


class Cause(msgspec.Struct, frozen=True):
    """``pnl`` is recorded less simulated, in the account's currency."""

    code: str
    text: str
    pnl: Decimal = ZERO


class Setting(msgspec.Struct, kw_only=True, frozen=True):
    """What holds for all rows. ``there`` is the model that the recording was made with, None where no simulator made it."""

    here: FillModel
    there: FillModel | None
    instruments: dict[str, Instrument]
    last: dict[str, Decimal]
    end_t: int
    slack_ns: int
    """A report may be so much later or earlier without meaning anything."""


class Row(msgspec.Struct, kw_only=True):
    """An order on both sides; ``causes`` is empty where both are the same."""

    seq: int
    t: int
    recorded: Deal | None
    simulated: Deal | None
    causes: list[Cause] = []


def explain(row: Row, setting: Setting, origin: int) -> list[Cause]:
    """The causes of a row's differences; their money adds up to its own. ``origin`` is the first row that differed (0: none)."""
    r, s = row.recorded, row.simulated
    last = setting.last.get((r or s).symbol, ZERO)  # type: ignore[union-attr]
    delta = (r.worth(last) if r else ZERO) - (s.worth(last) if s else ZERO)
    if r is None or s is None:
        return [_alone(r, s, setting, origin, delta)]
    found = [*_asked(r, s, origin), *_refused(r, s, origin), *_quantity(r, s, setting, origin)]
    if r.parts and s.parts:
        found += _prices(r, s, setting)
        found += [] if TIMING & {cause.code for cause in found} else _times(r, s, setting)
        found += _fees(r, setting)
    if not found and (r.status != s.status) and r.role != "venue":
        found.append(Cause("ended", f"{r.status} there, {s.status} here"))
    return _adding_up(_once(found), delta)


def _adding_up(found: list[Cause], delta: Decimal) -> list[Cause]:
    """The rest of the money goes with the first cause; a rest without a cause is rounding or unexplained."""
    rest = delta - sum((cause.pnl for cause in found), ZERO)
    if not rest:
        return found
    if not found:
        code, text = ("rounding", "last digits") if abs(rest) < CRUMB else ("unexplained", "money without a cause")
        return [Cause(code, text, rest)]
    return [msgspec.structs.replace(found[0], pnl=found[0].pnl + rest), *found[1:]]


def _once(found: list[Cause]) -> list[Cause]:
    """One cause a code: the first one's words, the money of all."""
    out: dict[str, Cause] = {}
    for cause in found:
        before = out.get(cause.code)
        out[cause.code] = cause if before is None else msgspec.structs.replace(before, pnl=before.pnl + cause.pnl)
    return list(out.values())


# --- an order on one side only ----------------------------------------------------------------------------------


def _alone(r: Deal | None, s: Deal | None, setting: Setting, origin: int, pnl: Decimal) -> Cause:
    deal, where = (r, "there") if r is not None else (s, "here")
    assert deal is not None
    if deal.role == "foreign":
        return Cause("foreign", "not an order of this session", pnl)
    if deal.role == "venue":
        level = f" at {deal.level:f}" if deal.level is not None else ""
        text = f"released{level} {where} only, with the mark at {deal.mark:g}"
        return Cause("consequence", f"{text}, after #{origin}", pnl) if origin else Cause("trigger", text, pnl)
    if origin:
        return Cause("consequence", f"{where} only, after #{origin}", pnl)
    if setting.end_t - deal.t < setting.slack_ns:
        return Cause("end", f"decided {where} only, as the recording ends", pnl)
    return Cause("unexplained", f"{where} only", pnl)


# --- what was asked ---------------------------------------------------------------------------------------------


def _asked(r: Deal, s: Deal, origin: int) -> list[Cause]:
    if r.role == "venue":
        return []
    after = f", after #{origin}" if origin else ""
    found = []
    if r.qty != s.qty:
        why = f" ({r.resized or s.resized})" if r.resized or s.resized else ""
        code = "resized" if origin or why else "unexplained"
        found.append(Cause(code, f"asked {r.qty:f} there, {s.qty:f} here{why}{after}"))
    for name in ("kind", "price", "stop", "target", "tif", "reduce_only"):
        there, here = getattr(r, name), getattr(s, name)
        if there != here:
            words = f"{name.replace('_', ' ')} {_words(there)} there, {_words(here)} here{after}"
            found.append(Cause("consequence" if origin else "unexplained", words))
    return found


def _refused(r: Deal, s: Deal, origin: int) -> list[Cause]:
    if (r.refused, r.refused_by) == (s.refused, s.refused_by):
        return []
    if "operator" in (r.refused_by, s.refused_by) or "approval_expired" in (r.refused, s.refused):
        return [Cause("answer", f"{r.refused or 'approved'} there, {s.refused or 'approved'} here")]
    after = f", after #{origin}" if origin else ""
    return [
        Cause(f"refused {where}", f"{deal.refused_by} {deal.refused}: {deal.refused_why}{after}")
        for where, deal in (("there", r), ("here", s))
        if deal.refused
    ]


# --- what was filled --------------------------------------------------------------------------------------------


def _quantity(r: Deal, s: Deal, setting: Setting, origin: int) -> list[Cause]:
    """Another quantity was filled, beyond what was asked or refused."""
    there, here = r.filled, s.filled
    if there == here or (r.refused != s.refused) or (r.qty != s.qty and (there == r.qty) == (here == s.qty)):
        return []
    text = f"{there:f} filled there, {here:f} here"
    if r.role == "venue":
        return [Cause("consequence" if origin else "partial", text)]
    unfilled = s if there else r
    if unfilled.kind == "LIMIT":
        return [Cause("queue", text)]
    if not unfilled.parts and setting.end_t - r.t <= max(setting.slack_ns, int(setting.here.latency_ms * 1_000_000)):
        return [Cause("end", f"{text}: the recording ends")]
    return [Cause("partial", f"{text}, {_status(unfilled)}")]


def _status(deal: Deal) -> str:
    return deal.status.lower().replace("_", " ")


def _prices(r: Deal, s: Deal, setting: Setting) -> list[Cause]:
    """The difference of the mean prices, as the venue's, the moment's and the model's parts of it."""
    mean_r, mean_s = _mean(r), _mean(s)
    if mean_r == mean_s:
        return []
    instrument = setting.instruments[r.symbol]
    up, qty = sign(r.side), min(r.filled, s.filled)
    if r.kind == "LIMIT" and any(p.maker for p in r.parts) != any(p.maker for p in s.parts):
        text = f"{_by(r)} at {_tidy(mean_r)} there, {_by(s)} at {_tidy(mean_s)} here"
        return [Cause("queue", text, _settled(up * qty * (mean_s - mean_r)))]
    wire = setting.there is None
    book_r, book_s = _book_price(r, mean_r, wire=wire), _book_price(s, mean_s, wire=False)
    model, moved, away = mean_s - book_s, book_s - book_r, book_r - mean_r
    if setting.there is not None and _takes(setting.there) == _takes(setting.here):
        model, away = ZERO, away + model  # both add the same, or the same share of another price
        if abs(moved) * 2 >= instrument.tick:
            moved, away = moved + away, ZERO
    elif setting.there is not None:
        model, away = model + away, ZERO  # what each model adds
    parts = (
        ("trigger" if r.role == "venue" else "latency", moved, _moment(r, s, setting)),
        ("price", away, _aged(r, setting)),
        ("slippage", model, _added(setting.here)),
    )
    found = [
        Cause(code, f"{_ticks(part * up, instrument)} {text}", _settled(up * qty * part))
        for code, part, text in parts
        if abs(part) * 2 >= instrument.tick
    ]
    return found or [Cause("rounding", f"{_tidy(mean_r)} there in {len(r.parts)} part(s), {_tidy(mean_s)} here")]


def _added(model: FillModel) -> str:
    spread = "" if model.spread == "book" else f" and its spread of {model.spread_bps:g} bp"
    return f"by the model's slippage of {model.slippage_bps:g} bp{spread}"


def _moment(r: Deal, s: Deal, setting: Setting) -> str:
    later = (s.first_t - r.first_t) / 1e6
    if r.role == "venue":
        return f"because it was released {abs(later):,.0f} ms {'later' if later >= 0 else 'sooner'} here"
    there = f", {setting.there.latency_ms:g} ms there" if setting.there is not None else ""
    model = (
        f" (orders are live after {setting.here.latency_ms:g} ms here{there})"
        if setting.here.latency_ms or there
        else ""
    )
    return f"from the book {abs(later):,.0f} ms {'before' if later >= 0 else 'after'}{model}"


def _aged(r: Deal, setting: Setting) -> str:
    if setting.there is not None or not r.books:
        return "than the recorded book gives"
    age = (r.first_t - r.books[-1].t) / 1e6
    return f"than the last recorded book gives, which was {age:.0f} ms old: the venue's had moved"


def _times(r: Deal, s: Deal, setting: Setting) -> list[Cause]:
    later = s.first_t - r.first_t
    if abs(later) <= setting.slack_ns:
        return []
    code = "trigger" if r.role == "venue" else "queue" if r.kind == "LIMIT" else "latency"
    return [Cause(code, f"filled {abs(later) / 1e6:,.0f} ms {'later' if later > 0 else 'sooner'} here")]


def _fees(r: Deal, setting: Setting) -> list[Cause]:
    """The recorded fee against the instrument's rates."""
    i = setting.instruments[r.symbol]
    due = sum((p.price * p.qty * (i.maker_fee if p.maker else i.taker_fee) for p in r.parts), ZERO)
    more = r.fees - due
    if abs(more) < max(CRUMB * len(r.parts), due * EXACTLY):
        return []
    rate = r.fees / r.paid * 100
    return [Cause("fee rate", f"{rate:.4f} % there, {due / r.paid * 100:.4f} % by the instrument's rates", -more)]


def _book_price(deal: Deal, mean: Decimal, *, wire: bool) -> Decimal:
    """What the recorded book gave for the whole order: behind a ``wire`` the one on its way that fits best, else the last."""
    books = deal.books if wire else deal.books[-1:]
    prices = [price for price in (_walked(book, deal) for book in books) if price is not None]
    return min(prices, key=lambda price: abs(price - mean), default=mean)


def _walked(book: Book, deal: Deal) -> Decimal | None:
    price = walk(taken_from(book, deal.side), float(deal.filled))
    return Decimal(repr(round(price, 10))) if price is not None else None


def _takes(model: FillModel) -> tuple[Any, ...]:
    return model.slippage, model.slippage_bps, model.spread, model.spread_bps, model.volume_share_pct


# --- words ------------------------------------------------------------------------------------------------------


def _mean(deal: Deal) -> Decimal:
    return deal.paid / deal.filled


def _settled(money: Decimal) -> Decimal:
    return money.quantize(SETTLED)


def _ticks(part: Decimal, instrument: Instrument) -> str:
    """``part`` is how much worse (positive) the simulated price was."""
    n = abs(part) / instrument.tick
    count = f"{n:.0f}" if n == n.to_integral_value() else f"{n:.1f}"
    return f"{count} tick{'' if count == '1' else 's'} {'better' if part > 0 else 'worse'} there"


def _by(deal: Deal) -> str:
    return "maker" if any(part.maker for part in deal.parts) else "taker"


def _tidy(price: Decimal) -> str:
    return f"{price:.6f}".rstrip("0").rstrip(".")


def _words(value: object) -> str:
    return "none" if value is None else f"{value:f}" if isinstance(value, Decimal) else str(value)
