"""A session over real sockets: what a strategy wants becomes a protected position, and what goes wrong is survived."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from desk import buy
from session_kit import SYMBOL, Floor, a_moment, floor

from engine.core.fold import apply
from engine.core.orders import terms
from engine.journal.recording import Recording
from engine.model import events as ev
from engine.model.state import State
from engine.session import latch
from engine.session.shutdown import shut_down
from engine.venues.port import Venue


async def opened(f: Floor) -> None:
    f.signal(buy(qty="0.1", stop=59_000.0, target=62_000.0))
    await f.until(lambda: SYMBOL in f.state.positions and f.state.positions[SYMBOL].qty == Decimal("0.1"), "position")
    await f.until(lambda: f.state.positions[SYMBOL].stop == Decimal(59_000), "stop at the venue")


async def test_an_entry_becomes_a_position_with_its_stop_and_target_at_the_venue(tmp_path: Path) -> None:
    async with floor(tmp_path) as f:
        await opened(f)
        position = f.state.positions[SYMBOL]
        assert position.target == Decimal(62_000)
        assert not f.state.alarms
        await f.until(lambda: position.venue_qty == position.qty, "agreement with the venue")


async def test_a_stop_that_triggers_at_the_venue_closes_the_trade(tmp_path: Path) -> None:
    async with floor(tmp_path) as f:
        await opened(f)
        f.market.mid = 58_990.0
        await f.until(lambda: f.state.trades, "trade")
        (trade,) = f.state.trades
        assert trade.exit_why == "stop"
        assert trade.pnl < -100


async def test_our_ledger_and_the_venues_balance_agree_to_the_last_digit(tmp_path: Path) -> None:
    async with floor(tmp_path) as f:
        for _ in range(2):
            await opened(f)
            f.session.command("close", SYMBOL)
            await f.until(lambda: not f.state.positions[SYMBOL].qty, "flat")
        account = await f.session.venue.account()
        assert account.wallet == f.state.account.wallet
        assert account.wallet != Decimal(10_000)


async def test_no_order_leaves_before_its_decision_is_durable(tmp_path: Path) -> None:
    async with floor(tmp_path) as f:
        left: list[tuple[int, int]] = []
        submit = f.session.venue.submit

        async def watched(order: ev.Order) -> ev.OrderReport:
            decided = int(order.client_id.rpartition("-")[2])
            left.append((decided, f.journal.committed))
            return await submit(order)

        f.session.venue.submit = watched  # type: ignore[method-assign]
        for _ in range(5):
            f.signal(buy(qty="0.01", stop=59_000.0, target=62_000.0))
            await a_moment()
        assert len(left) == 5
        assert all(committed > decided for decided, committed in left)


async def test_a_reply_that_never_comes_is_unknown_until_the_venue_is_asked(tmp_path: Path) -> None:
    async with floor(tmp_path, unknown_retry_s=0.2) as f:
        await f.fault(lost_reply=1)
        f.signal(buy(qty="0.1", stop=59_000.0, target=62_000.0))
        await f.until(lambda: f.state.positions.get(SYMBOL) and f.state.positions[SYMBOL].qty == Decimal("0.1"), "fill")
        await f.until(lambda: next(iter(f.state.orders.values())).status == "FILLED", "final state")
        assert len(f.state.orders) == 1


async def test_the_venues_refusal_is_shown_with_its_code(tmp_path: Path) -> None:
    async with floor(tmp_path) as f:
        await f.fault(reject=1, reject_code=20003)
        f.signal(buy(qty="0.1", stop=59_000.0, target=62_000.0))
        await f.until(lambda: f.state.rejections, "rejection")
        assert f.state.rejections[-1].code == "venue_rejected"
        assert f.state.rejections[-1].value == "20003"


async def test_kill_cancels_what_works_and_blocks_what_comes(tmp_path: Path) -> None:
    async with floor(tmp_path) as f:
        f.signal(buy(qty="0.1", kind="LIMIT", price=59_900.0, stop=59_000.0, target=62_000.0))
        await f.until(lambda: next(iter(f.state.orders.values())).status == "ACCEPTED", "working order")
        f.session.command("kill")
        await f.until(lambda: next(iter(f.state.orders.values())).status == "CANCELLED", "cancel at the venue")
        f.signal(buy())
        assert f.state.rejections[-1].code == "halted"
        assert latch.read(f.home.latch) == "kill switch"


async def test_the_kill_latch_outlives_the_session_and_ends_with_a_reason(tmp_path: Path) -> None:
    async with floor(tmp_path) as f:
        f.session.command("kill")
    async with floor(tmp_path, up=False) as f:
        assert f.state.trading == "HALTED"
        f.session.command("rearm", text="looked at it, all fine")
        assert f.state.trading == "ACTIVE"
    assert latch.read(f.home.latch) is None


async def test_a_lost_private_stream_blocks_entries_until_the_account_was_read_again(tmp_path: Path) -> None:
    async with floor(tmp_path) as f:
        await opened(f)
        await f.fault(disconnect_private=1)
        await f.until(lambda: f.state.links["private"].state != "up", "loss noticed")
        f.signal(buy(qty="0.01"))
        assert f.state.rejections[-1].code == "links_down"
        await f.until(lambda: f.state.links["private"].state == "up" and not f.state.doubt, "reconciled")
        assert f.state.positions[SYMBOL].qty == Decimal("0.1")


async def test_approval_by_hand_sends_what_was_on_the_screen(tmp_path: Path) -> None:
    async with floor(tmp_path, approval="required") as f:
        f.signal(buy(qty="0.1", stop=59_000.0, target=62_000.0))
        (order,) = f.state.orders.values()
        assert order.status == "AWAITING_APPROVAL"
        f.session.command("approve", order.client_id, terms(order))
        await f.until(lambda: f.state.orders[order.client_id].status == "FILLED", "fill")


@pytest.mark.parametrize("policy", ["leave", "close"])
async def test_shutdown_is_ordered_shown_and_leaves_a_whole_recording(tmp_path: Path, policy: str) -> None:
    async with floor(tmp_path) as f:
        await opened(f)
        f.signal(buy(qty="0.1", kind="LIMIT", price=59_900.0, stop=59_000.0, target=62_000.0))
        await f.until(lambda: len(f.state.open_orders) == 1, "working order")
        shown: list[str] = []
        await shut_down(f.session, f.journal, policy, "the test is over", shown.append)  # type: ignore[arg-type]
        assert [line.split()[1] for line in shown] == [
            "stop",
            "cancel",
            "close" if policy == "close" else "protect",
            "compare",
            "close",
            "close",
        ]
        assert all(": ok" in line for line in shown), shown
        held = f.state.positions[SYMBOL]
        assert (held.qty, held.stop) == ((0, None) if policy == "close" else (Decimal("0.1"), Decimal(59_000)))
        live = f.state
    with Recording.open(f.journal.path) as recording:
        assert recording.check() == []
        folded = State()
        for _, event in recording.events():
            apply(folded, event)
    assert folded.session.clean
    assert msgspec.msgpack.encode(folded) == msgspec.msgpack.encode(live)


async def test_working_entries_stay_when_the_profile_says_so(tmp_path: Path) -> None:
    async with floor(tmp_path) as f:
        f.signal(buy(qty="0.1", kind="LIMIT", price=59_900.0, stop=59_000.0, target=62_000.0))
        await f.until(lambda: next(iter(f.state.orders.values())).status == "ACCEPTED", "working order")
        shown: list[str] = []
        await shut_down(f.session, f.journal, "keep", "the test is over", shown.append)
        assert "1 left working" in shown[1]


async def test_a_fault_of_our_own_ends_all_trading_and_cancels_entries(tmp_path: Path) -> None:
    async with floor(tmp_path) as f:
        f.signal(buy(qty="0.1", kind="LIMIT", price=59_900.0, stop=59_000.0, target=62_000.0))
        await f.until(lambda: next(iter(f.state.orders.values())).status == "ACCEPTED", "working order")
        broken: list[Exception] = []
        f.session.on_break = broken.append

        def bug(_: ev.Event) -> None:
            raise RuntimeError("a bug")

        f.session.watchers.append(bug)
        f.session.command("pause")
        assert isinstance(broken[0], RuntimeError)
        for _ in range(100):
            orders = await _pending(f.session.venue)
            if not orders:
                break
            await asyncio.sleep(0.02)
        assert orders == []


async def _pending(venue: Venue) -> list[ev.Event]:
    return [e for e in await venue.snapshot([SYMBOL], 0) if isinstance(e, ev.OrderReport)]


async def test_a_journal_that_fails_stops_the_session_before_anything_else_is_sent(tmp_path: Path) -> None:
    async with floor(tmp_path) as f:
        sent: list[str] = []
        f.session.venue.submit = lambda order: sent.append(order.client_id)  # type: ignore[assignment,return-value,misc]

        async def never(seq: int) -> None:
            raise OSError(f"disk gone before {seq}")

        f.journal.durable = never  # type: ignore[method-assign]
        f.signal(buy())
        await a_moment()
        assert isinstance(f.session.broken, OSError)
        assert sent == []
