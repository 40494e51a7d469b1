"""Circuit breakers: what is left alone when nobody answers, for how long, and what goes out all the same."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from bitunix_kit import SECRET, SYMBOL, adapter, order, settings
from hypothesis import given
from hypothesis import strategies as st

from engine.model.events import BreakerReport, Event
from engine.model.settings import ErrorSettings
from engine.venues.bitunix.adapter import Bitunix
from engine.venues.bitunix.breaker import BreakerOpen, Breakers, Family
from engine.venues.port import VenueError

S = 1_000_000_000
RULES = ErrorSettings(breaker_failures=3, breaker_rest_s=5.0, breaker_rest_max_s=12.0)


class Bench:
    """Breakers on a clock that the test moves."""

    def __init__(self, rules: ErrorSettings | None = RULES) -> None:
        self.now = 100 * S
        self.told: list[BreakerReport] = []
        self.breakers = Breakers(rules, lambda: self.now, self._tell)

    def _tell(self, event: Event) -> None:
        assert isinstance(event, BreakerReport)
        self.told.append(event)

    def ask(self, family: Family, answered: bool | None, *, must: bool = False) -> None:
        """One request; ``None`` is one that never came to an answer of any kind."""
        with self.breakers.request(family, must=must) as asked:
            if answered is not None:
                asked(answered, "" if answered else "no usable answer")

    def states(self, family: Family = "orders") -> list[str]:
        return [report.state for report in self.told if report.family == family]

    def fail(self, count: int, family: Family = "orders") -> None:
        for _ in range(count):
            self.ask(family, False)


def test_it_opens_after_so_many_failures_in_a_row_and_says_for_how_long() -> None:
    bench = Bench()
    bench.fail(2)
    bench.ask("orders", True)
    bench.fail(2)
    assert bench.told == []
    bench.fail(1)
    (report,) = bench.told
    assert (report.family, report.state, report.failures, report.until) == ("orders", "open", 3, 105 * S)
    assert "no usable answer" in report.detail
    with pytest.raises(BreakerOpen, match="3 orders in a row got no answer: the next try is in 5 s"):
        bench.ask("orders", True)


def test_after_the_rest_one_request_tries_and_an_answer_closes_it() -> None:
    bench = Bench()
    bench.fail(3)
    bench.now += 5 * S
    with bench.breakers.request("orders", must=False) as asked:
        with pytest.raises(BreakerOpen, match="one is trying now"):
            bench.ask("orders", True)
        asked(True, "")
    bench.ask("orders", True)
    assert bench.states() == ["open", "half", "closed"]


def test_a_try_in_vain_doubles_the_rest_up_to_the_limit() -> None:
    bench = Bench()
    bench.fail(3)
    rests = []
    for _ in range(4):
        rests.append((bench.told[-1].until - bench.now) / S)
        bench.now = bench.told[-1].until
        bench.fail(1)
    assert rests == [5.0, 10.0, 12.0, 12.0]
    bench.now = bench.told[-1].until
    bench.ask("orders", True)
    bench.fail(3)
    assert bench.told[-1].until == bench.now + 5 * S


def test_a_try_that_was_given_up_lets_another_one_try() -> None:
    bench = Bench()
    bench.fail(3)
    bench.now += 5 * S
    bench.ask("orders", None)
    bench.ask("orders", True)
    assert bench.states()[-1] == "closed"


def test_one_familys_breaker_holds_back_no_other() -> None:
    bench = Bench()
    bench.fail(3)
    bench.ask("reads", True)
    bench.ask("exits", True)


def test_exits_are_counted_and_shown_but_never_held_back() -> None:
    bench = Bench()
    bench.fail(9, "exits")
    assert bench.states("exits") == ["open"]
    bench.ask("exits", True)
    assert bench.states("exits") == ["open", "closed"]


def test_what_must_go_out_does_and_its_answer_closes_the_breaker() -> None:
    bench = Bench()
    bench.fail(3, "reads")
    bench.ask("reads", False, must=True)
    assert bench.states("reads") == ["open"]
    bench.ask("reads", True, must=True)
    assert bench.states("reads") == ["open", "closed"]


def test_without_settings_nothing_is_held_back() -> None:
    bench = Bench(None)
    bench.fail(50)
    assert bench.told == []


@given(st.lists(st.tuples(st.sampled_from([True, False, None]), st.integers(0, 8)), max_size=60))
def test_whatever_happens_it_never_stays_shut_longer_than_its_longest_rest(
    steps: list[tuple[bool | None, int]],
) -> None:
    bench = Bench()
    for answered, seconds in steps:
        bench.now += seconds * S
        try:
            bench.ask("orders", answered)
        except BreakerOpen:
            assert bench.now < bench.told[-1].until <= bench.now + 12 * S
    bench.now += 12 * S
    bench.ask("orders", True)
    assert bench.states()[-1:] in ([], ["closed"])


# --- at the adapter -----------------------------------------------------------------------------------------------------


def deaf(told: list[Event]) -> Bitunix:
    """An adapter whose venue nobody answers at."""
    venue = adapter(
        settings(), "demo-key", SECRET, ErrorSettings(breaker_failures=3, breaker_rest_s=60.0, breaker_rest_max_s=60.0)
    )
    venue._sink = told.append
    return venue


async def test_an_order_that_meets_an_open_breaker_is_definitely_not_sent() -> None:
    told: list[Event] = []
    venue = deaf(told)
    for n in range(3):
        report = await venue.submit(order(f"a-{n}"))
        assert (report.status, report.code) == ("REJECTED", "not_sent")
    report = await venue.submit(order("a-3"))
    assert (report.status, report.code) == ("REJECTED", "breaker_open")
    assert [e.state for e in told if isinstance(e, BreakerReport)] == ["open"]
    await venue.close()


async def test_ways_out_are_tried_every_time() -> None:
    told: list[Event] = []
    venue = deaf(told)
    outcomes: list[Any] = []
    for n in range(5):
        outcomes.append((await venue.submit(order(f"b-{n}", "SELL", reduce_only=True))).code)
        outcomes += [report.code for report in await venue.cancel([order(f"c-{n}")])]
        outcomes.append((await venue.query(order(f"c-{n}"))).code)
        outcomes.append((await venue.protect(SYMBOL, "7", "", "94000", None)).code)
    assert set(outcomes) == {"not_sent"}
    await venue.close()


async def test_reading_stops_at_once_at_an_open_breaker_with_a_hint() -> None:
    told: list[Event] = []
    venue = deaf(told)
    with pytest.raises(VenueError):
        await venue.account()
    with pytest.raises(VenueError, match="breaker_open") as caught:
        await venue.snapshot([SYMBOL], 0)
    assert "one request will try again" in caught.value.hint
    assert venue._rest._breakers._breakers["reads"]._failures == 3
    await venue.close()


async def test_a_breaker_tells_its_failures_without_the_secret() -> None:
    told: list[Event] = []
    venue = deaf(told)
    for n in range(4):
        await venue.submit(order(f"d-{n}", qty=str(Decimal("0.01"))))
    assert SECRET not in repr(told)
    await venue.close()
