"""How orders meet the market's visible book and its prints, at every simulated venue. Pure: no clock, no accounts.

An arriving order walks the book; one that rests waits behind what stood at its price before it. The queue before an order only
shrinks: by prints at its price, and when less than it is visible there. Of what others cancel, those behind us are thus thought
to cancel first. Where an excerpt of the book ends before the price, the queue is unknown: prints at it fill nothing until it is
seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Generic, NamedTuple, Protocol, TypeVar

from engine.sim.source import Level

ZERO = Decimal(0)
UNSEEN = Decimal("Infinity")
"""A queue of which nothing is known."""


class Steps(Protocol):
    """An instrument's steps: a market's floats as exact multiples of them."""

    @property
    def tick(self) -> Decimal: ...
    def price(self, value: float) -> Decimal: ...
    def qty(self, value: float) -> Decimal: ...


class Trade(Protocol):
    """A public trade; ``side`` is the taker's."""

    @property
    def price(self) -> float: ...
    @property
    def qty(self) -> float: ...
    @property
    def side(self) -> str: ...


class Resting(Protocol):
    """An order that waits. Among orders of one price the lowest ``rank`` is first; ``queue`` stands before it."""

    queue: Decimal

    @property
    def buys(self) -> bool: ...
    @property
    def price(self) -> Decimal: ...
    @property
    def remaining(self) -> Decimal: ...
    @property
    def rank(self) -> int: ...


R = TypeVar("R", bound=Resting)


class Take(NamedTuple):
    """A quantity available (or taken) at a price."""

    price: Decimal
    qty: Decimal


class Eaten(NamedTuple):
    """What participants took from a level, and when they last did (market ms)."""

    qty: Decimal
    t_ms: int


class Behind(NamedTuple):
    """What stands behind the visible levels: ``block`` base at every ``span`` beyond ``price``."""

    price: Decimal
    span: Decimal
    block: Decimal


Appetite = dict[tuple[bool, Decimal], Eaten]
"""(taken by buyers, price) → what is missing there."""

REFILL_MS = 1_000
"""A level that participants took from is whole again after this much market time."""


class Book:
    """The visible levels in exact steps, best first. What participants take is gone, also from the books that follow
    within ``REFILL_MS`` (they get ``eaten`` of the one before): the market itself does not know of them.

    An ``excerpt`` shows the best levels of a book that goes on; else nobody waits where nothing is shown.
    """

    def __init__(
        self,
        steps: Steps,
        bids: Iterable[Level],
        asks: Iterable[Level],
        t_ms: int = 0,
        eaten: Appetite | None = None,
        *,
        excerpt: bool = False,
    ) -> None:
        self.steps = steps
        self.excerpt = excerpt
        self.t_ms = t_ms
        self.eaten = {key: gone for key, gone in (eaten or {}).items() if t_ms - gone.t_ms < REFILL_MS}
        self.behind: dict[bool, Behind] = {}
        self.bids = self._left(False, bids)
        self.asks = self._left(True, asks)

    def _left(self, buys: bool, levels: Iterable[Level]) -> list[Take]:
        exact = [Take(self.steps.price(price), self.steps.qty(qty)) for price, qty in levels]
        if exact:
            span = max(abs(exact[-1].price - exact[0].price), self.steps.tick)
            self.behind[buys] = Behind(exact[-1].price, span, sum((level.qty for level in exact), ZERO))
        left = (Take(p, q - self.eaten[buys, p].qty if (buys, p) in self.eaten else q) for p, q in exact)
        return [level for level in left if level.qty > 0]

    def against(self, buys: bool) -> list[Take]:
        """The levels that an order of this direction trades with."""
        return self.asks if buys else self.bids

    def visible(self, buys: bool, price: Decimal) -> Decimal:
        """Quantity resting on the order's own side at exactly ``price``; ``UNSEEN`` beyond the end of an excerpt."""
        deepest = self.behind.get(not buys)
        if self.excerpt and deepest is not None and not reaches(buys, price, deepest.price):
            return UNSEEN
        own = self.bids if buys else self.asks
        return next((level.qty for level in own if level.price == price), ZERO)

    def consume(self, buys: bool, takes: Iterable[Take]) -> None:
        """Remove what was taken; quantities beyond the visible book need no removal."""
        taken = {take.price: take.qty for take in takes}
        for price, qty in taken.items():
            before = self.eaten.get((buys, price))
            self.eaten[buys, price] = Eaten(qty + before.qty if before else qty, self.t_ms)
        left = [Take(p, q - taken.get(p, ZERO)) for p, q in self.against(buys)]
        rest = [level for level in left if level.qty > 0]
        if buys:
            self.asks = rest
        else:
            self.bids = rest


def reaches(buys: bool, limit: Decimal, price: Decimal) -> bool:
    """Whether an order with this limit may trade at ``price``."""
    return price <= limit if buys else price >= limit


def walk(book: Book, buys: bool, qty: Decimal, limit: Decimal) -> list[Take]:
    """What an order takes at once, best price first, never beyond ``limit`` (inclusive).

    Behind the visible levels the same amount of liquidity repeats at the same spacing as the whole visible side,
    so that a large order pays for its size and stops at its limit (for market orders: the price protection).
    """
    takes: list[Take] = []
    left = qty
    for price, available in book.against(buys):
        if left <= 0 or not reaches(buys, limit, price):
            return takes
        part = min(left, available)
        takes.append(Take(price, part))
        left -= part
    behind = book.behind.get(buys)
    if behind is None or behind.block <= 0:
        return takes
    price, span, block = behind
    while left > 0:
        price += span if buys else -span
        if price <= 0 or not reaches(buys, limit, price):
            break
        part = min(left, block)
        takes.append(Take(price, part))
        left -= part
    return takes


def stays(tif: str, takes: list[Take], wanted: Decimal) -> bool:
    """Whether the venue keeps an arriving order: one that must not take does not, one that must fill wholly can."""
    if tif == "POST_ONLY":
        return not takes
    return tif != "FOK" or sum((take.qty for take in takes), ZERO) >= wanted


def crosses(book: Book, order: Resting) -> bool:
    """Whether the order would trade on arrival."""
    best = book.against(order.buys)
    return bool(best) and reaches(order.buys, order.price, best[0].price)


class Match(NamedTuple, Generic[R]):
    order: R
    price: Decimal
    qty: Decimal


def by_priority(orders: Iterable[R]) -> list[R]:
    """Best price first, then first come first served."""
    return sorted(orders, key=lambda o: (-o.price if o.buys else o.price, o.rank))


def match_print(steps: Steps, orders: list[R], trade: Trade) -> list[Match[R]]:
    """Resting orders that a public trade fills, always at their own price.

    A trade through the price fills wholly. A trade at the price first eats the queue ahead, then fills by its volume.
    ``orders`` are in priority; their ``queue`` shrinks here, their quantities do not.
    """
    price, volume, taker_sells = steps.price(trade.price), steps.qty(trade.qty), trade.side.upper() == "SELL"
    matches = []
    for order in orders:
        if (price < order.price) if order.buys else (price > order.price):
            matches.append(Match(order, order.price, order.remaining))
        elif price == order.price and taker_sells == order.buys and volume > 0:
            ahead = min(order.queue, volume)
            order.queue -= ahead
            volume -= ahead
            part = min(order.remaining, volume)
            volume -= part
            if part > 0:
                matches.append(Match(order, order.price, part))
    return matches


def match_book(book: Book, orders: list[R]) -> list[Match[R]]:
    """Resting orders that the new book crosses: filled at their own price by what the book offers up to it."""
    matches = []
    for order in orders:
        if not crosses(book, order):
            order.queue = min(order.queue, book.visible(order.buys, order.price))
            continue
        takes = [
            Take(price, min(qty, order.remaining))
            for price, qty in book.against(order.buys)
            if reaches(order.buys, order.price, price)
        ]
        part = min(order.remaining, sum((take.qty for take in takes), ZERO))
        book.consume(order.buys, _first(takes, part))
        matches.append(Match(order, order.price, part))
    return matches


def _first(takes: list[Take], qty: Decimal) -> list[Take]:
    out = []
    for price, available in takes:
        part = min(available, qty)
        if part <= 0:
            break
        out.append(Take(price, part))
        qty -= part
    return out
