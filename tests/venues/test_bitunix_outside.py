"""What the account holds in symbols that nobody here watches: told once as an alarm, and never touched."""

from __future__ import annotations

import msgspec
from bitunix_kit import SECRET, START, SYMBOL, StillMarket, adapter, order, settings

from engine.model.events import Event, OrderReport, PositionReport, Reported
from engine.sim.run import serve


async def test_positions_and_orders_in_other_symbols_are_told_and_left_alone() -> None:
    other = StillMarket(mid=3_000.0)
    other.symbol = "ETHUSDT"
    exchange = await serve([StillMarket(), other], keys=[("demo-key", SECRET)], tick_s=0.01)
    venue, person = (adapter(settings(exchange), "demo-key", SECRET) for _ in range(2))
    told: list[Event] = []
    venue._sink = told.append
    try:
        await venue.snapshot([SYMBOL], START)
        assert not [event for event in told if isinstance(event, Reported)]
        bought = msgspec.structs.replace(order("p-1", qty="0.5000"), symbol="ETHUSDT")
        waiting = msgspec.structs.replace(order("p-2", qty="0.1000", price="2900.0"), symbol="ETHUSDT")
        for sent in (bought, waiting):
            assert (await person.submit(sent)).status == "ACCEPTED"
        for _ in range(2):
            events = await venue.snapshot([SYMBOL], START)
        assert {e.symbol for e in events if isinstance(e, OrderReport | PositionReport)} == {SYMBOL}
        (alarm,) = [e for e in told if isinstance(e, Reported)]
        assert (alarm.kind, alarm.over) == ("ForeignHoldings", False)
        assert alarm.text == "+0.500 ETHUSDT, 1 order(s) in ETHUSDT: nobody here watches or closes it"
        await person.cancel([waiting])
        await person.submit(msgspec.structs.replace(bought, client_id="p-3", side="SELL", reduce_only=True))
        await venue.snapshot([SYMBOL], START)
        assert [e.over for e in told if isinstance(e, Reported)] == [False, True]
    finally:
        await venue.close()
        await person.close()
        await exchange.close()
