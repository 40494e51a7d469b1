"""A session frozen at one moment, with numbers that agree: every pane test starts from it and changes what it is about.

Long 0.250 BTC from 62,859.2, stop 62,559.2 (one R is 75.00), target 63,309.2 (+1.5 R), mark 62,979.2: +30.00, +0.40 R.
The day began with 10,000.00; closed trades brought 84.12 net; equity is 10,114.12.
"""

from __future__ import annotations

from decimal import Decimal as D
from math import sin
from typing import Any

from cockpit.view import View
from engine.model.market import MINUTE_NS, Candle, Instrument
from engine.model.orders import Fill, Order, Position, Stop, Trade
from engine.model.settings import (
    ExchangeSettings,
    PreflightSettings,
    Profile,
    RiskLimits,
    ScreenSettings,
    SymbolLimits,
    TradingRules,
    VenueSettings,
)
from engine.model.state import (
    Account,
    Approval,
    Gate,
    Link,
    LogLine,
    Market,
    Note,
    Rejection,
    RiskBook,
    SessionInfo,
    State,
)

SECOND = 1_000_000_000
NOW = 1_772_545_325 * SECOND + 118_000_000
"""2026-03-03 13:42:05.118 UTC."""
SYMBOL = "BTCUSDT"


def ago(seconds: float) -> int:
    return NOW - int(seconds * SECOND)


def profile(mode: Any = "DEMO", *, approval: Any = "required", speed: float = 1.0) -> Profile:
    return Profile(
        name="demo",
        mode=mode,
        symbols=[SYMBOL],
        strategies=["breakout-v3"],
        risk=RiskLimits(
            symbols={SYMBOL: SymbolLimits(max_quantity=D("0.5"), max_position=D(1))},
            max_notional_quote=50_000,
            min_notional_quote=10,
            max_leverage=5,
            max_exposure_quote=40_000,
            total_at_risk_pct=3,
            price_collar_pct=2,
            max_spread_bps=5,
            stale_quote_s=2,
            outlier_pct=1,
            max_slippage_bps=10,
            daily_loss_pct=2,
            weekly_loss_pct=5,
            max_drawdown_pct=10,
            consecutive_losses=4,
            cooldown_s=300,
            min_reward_risk=1.2,
            order_spacing_s=1,
            orders_per_minute=20,
            repeated_execution=10,
            require_stop=True,
        ),
        trading=TradingRules(
            approval=approval,
            approval_ttl_s=30,
            approval_max_move_bps=10,
            risk_pct=0.75,
            leverage=10,
            trail_arm_r=1,
            trail_distance_r=1,
            stale_position_bars=240,
            decline_rest_bars=5,
            naked_grace_s=5,
            unknown_retry_s=2,
            on_quit="ask",
            on_ui_loss="cancel_entries",
        ),
        venue=VenueSettings(
            kind="simulated",
            requests_per_s=8,
            cancel_reserve_per_s=2,
            timeout_s=5,
            ping_s=3,
            silence_public_s=10,
            silence_private_s=30,
            reconnect_first_s=1,
            reconnect_max_s=60,
            reconnect_tries=10,
            poll_account_s=15,
        ),
        exchange=ExchangeSettings(speed=speed, seed=7, candles="", balance_quote=D(10_000), start_price=62_500),
        screen=ScreenSettings(theme="dark", refresh_hz=5, timeframe="5m", keymap={}),
        preflight=PreflightSettings(min_equity_quote=100, max_clock_offset_ms=500),
    )


def instrument() -> Instrument:
    return Instrument(
        symbol=SYMBOL,
        base="BTC",
        quote="USDT",
        tick=D("0.1"),
        step=D("0.001"),
        min_qty=D("0.001"),
        max_limit_qty=D(100),
        max_market_qty=D(50),
        min_notional=D(5),
        max_leverage=125,
        maker_fee=D("0.0002"),
        taker_fee=D("0.0006"),
    )


def candles(count: int = 300) -> list[Candle]:
    """A calm rise to the last price, ending with the minute before ``NOW``."""
    first = NOW // MINUTE_NS * MINUTE_NS - count * MINUTE_NS
    out = []
    before = 62_280.0
    for i in range(count):
        wave = 130 * sin(i / 31) + 45 * sin(i / 7) + ((i * 37) % 23 - 11) * 1.5
        close = round(62_280.0 + 640.0 * (i + 1) / count + wave * (count - i) / count, 1)
        high = round(max(before, close) + (i * 7) % 19 * 0.9, 1)
        low = round(min(before, close) - (i * 11) % 17 * 0.9, 1)
        out.append(Candle(first + i * MINUTE_NS, before, high, low, close, float(20 + (i * 29) % 90)))
        before = close
    return out


def market() -> Market:
    rows = candles()
    last = rows[-1]
    return Market(
        symbol=SYMBOL,
        instrument=instrument(),
        candles=rows,
        live=Candle(last.open_time + MINUTE_NS, last.close, 62_985.0, last.close - 3, 62_979.2, 12.5),
        bids=[(62_979.1, 1.2), (62_978.9, 0.8)],
        asks=[(62_979.2, 0.4), (62_979.6, 2.1)],
        quote_t=ago(0.3),
        last=62_979.2,
        last_side="BUY",
        last_t=ago(0.4),
        mark=62_979.2,
        index=62_974.4,
        mark_t=ago(0.5),
        funding_rate=0.0001,
        next_funding_t=NOW - 118_000_000 + (2 * 3600 + 14 * 60 + 33) * SECOND,
        venue_t=NOW - 118_000_000,
        day_open=61_841.3,
        day_high=63_046.9,
        day_low=61_593.5,
        day_volume=48_210.0,
    )


def long_position() -> Position:
    return Position(
        symbol=SYMBOL,
        qty=D("0.250"),
        entry=D("62859.2"),
        opened_t=ago(50 * 60),
        peak_qty=D("0.250"),
        stop=D("62559.2"),
        target=D("63309.2"),
        risk_per_unit=D(300),
        strategy="breakout-v3",
        why="close above 62,850.0",
        bars=10,
        position_id="p1",
        venue_qty=D("0.250"),
        venue_t=ago(2),
        liquidation=57_122.0,
        leverage=10,
        margin_mode="ISOLATED",
    )


def trade(pnl: str, minutes_ago: int, side: Any = "BUY", exit_why: str = "target") -> Trade:
    """0.400 from 62,500.0 with the stop 180.0 away: one R is 72.00."""
    exit_price = D("62500.0") + D(pnl) / D("0.400") * (1 if side == "BUY" else -1)
    return Trade(
        symbol=SYMBOL,
        side=side,
        qty=D("0.400"),
        entry_t=ago(minutes_ago * 60 + 1_200),
        exit_t=ago(minutes_ago * 60),
        entry=D("62500.0"),
        exit=exit_price,
        pnl=D(pnl),
        fees=D("0.00"),
        funding=D("0.00"),
        r=float(D(pnl) / 72),
        bars=20,
        strategy="breakout-v3",
        why="close above 62,480.0",
        exit_why=exit_why,
    )


def order(client_id: str = "ck-101", **changes: Any) -> Order:
    given: dict[str, Any] = {
        "client_id": client_id,
        "symbol": SYMBOL,
        "side": "BUY",
        "kind": "LIMIT",
        "qty": D("0.100"),
        "price": D("62610.0"),
        "tif": "POST_ONLY",
        "stop": D("62190.0"),
        "target": D("63240.0"),
        "strategy": "breakout-v3",
        "status": "ACCEPTED",
        "created_t": ago(120),
    }
    return Order(**{**given, **changes})


def asked_order() -> Order:
    """0.100 at 62,850.0 with its stop 420.0 away: 42.00 at risk, the target 630.0 away: 1.5 R."""
    return order(
        "ck-104",
        price=D("62850.0"),
        stop=D("62430.0"),
        target=D("63480.0"),
        status="AWAITING_APPROVAL",
        tif="GTC",
        created_t=ago(12),
        why="retest of 62,850.0 holds",
    )


REJECTIONS: tuple[tuple[int, str, str, str, Any, str, str | None, str], ...] = (
    (
        7,
        "max_exposure",
        "40000",
        "44178.31",
        "BUY",
        "0.450",
        "62990.0",
        "exposure could reach 44,178.31 USDT, limit 40,000",
    ),
    (358, "cooldown", "300 s", "142 s", "BUY", "0.250", "62871.5", "last exit was 142 s ago, limit 300 s"),
    (1284, "spread_too_wide", "5 bp", "5.9 bp", "SELL", "0.100", "62702.0", "the spread is 5.9 bp, limit 5 bp"),
    (2632, "stale_quote", "2 s", "2.8 s", "BUY", "0.250", "62655.5", "the last quote is 2.8 s old, limit 2 s"),
    (4254, "reward_risk_too_low", "1.2", "0.9", "BUY", "0.250", "62540.0", "reward to risk is 0.9, limit 1.2"),
    (6862, "max_quantity", "0.5", "0.6", "SELL", "0.600", None, "0.6 BTC is more than 0.5 BTC"),
)


def rejections() -> list[Rejection]:
    rows = [
        Rejection(
            ago(s), 900 - n, code, limit, value, text, f"ck-{90 - n}", SYMBOL, side, D(qty),
            None if price is None else D(price), "breakout-v3", "risk",
        )
        for n, (s, code, limit, value, side, qty, price, text) in enumerate(REJECTIONS)
    ]  # fmt: skip
    return rows[::-1]


def links() -> dict[str, Link]:
    return {
        "public": Link("public", "up", 12.0, ago(0.3), 0, 0, 8_214, 0),
        "private": Link("private", "up", 14.0, ago(2.1), 1, 0, 312, 0),
        "rest": Link("rest", "up", 48.0, ago(6.0), 0, 0, 96, 0),
    }


GATES = (
    "config valid", "state folder writable", "journal durable", "venue reachable", "clock offset", "login",
    "position reconciled", "no orphan orders", "equity above minimum", "daily loss within limit", "kill switch off",
)  # fmt: skip


def gates() -> dict[str, Gate]:
    details = {
        "clock offset": "+3 ms, limit 500 ms",
        "venue reachable": "48 ms",
        "equity above minimum": "10,000.00 USDT",
    }
    return {name: Gate(name, "pass", name != "clock offset", details.get(name, "ok")) for name in GATES}


def fills() -> list[Fill]:
    rows = [
        Fill(ago(50 * 60), SYMBOL, "t9", "v9", "ck-80", "BUY", D("0.250"), D("62859.2"), D("0.0000"), True),
        Fill(ago(110 * 60), SYMBOL, "t8", "v8", "", "SELL", D("0.400"), D("62772.5"), D("0.0000"), False, D("109.00")),
    ]
    return rows[::-1]


def put(view: View, *orders: Order) -> None:
    """Orders that are not final."""
    for each in orders:
        view.state.orders[each.client_id] = each
        view.state.open_orders[each.client_id] = each.created_t


def empty() -> View:
    """Before anything was heard."""
    return View(state=State(), now=NOW, profile=profile(), symbol=SYMBOL)


def flat(mode: Any = "DEMO") -> View:
    """Links up, no position, nothing asked, two trades behind us."""
    state = State(
        t=NOW,
        seq=1_214,
        session=SessionInfo(id="s-1", profile="demo", mode=mode, venue="simulated", started_t=ago(7_200)),
        markets={SYMBOL: market()},
        account=Account(
            known=True, start=D(10_000), wallet=D("10084.12"), realised=D("84.12"), venue_wallet=D("10084.12")
        ),
        trades=[trade("-24.88", 170, exit_why="stop"), trade("109.00", 110)],
        trades_total=2,
        wins_total=1,
        rejections=rejections(),
        rejected={row[1]: 1 for row in REJECTIONS},
        notes=[
            Note(ago(400), 1_150, "breakout-v3", SYMBOL, ago(605), "wait", "62,910.2 is inside 62,402.0 – 62,990.0"),
            Note(ago(100), 1_190, "breakout-v3", SYMBOL, ago(305), "signal", "close 62,991.0 above 62,990.0, RR 1.5"),
        ],
        log=[
            LogLine(ago(3_000), 700, "fill", "good", "BUY 0.250 BTCUSDT at 62859.2 fee 0", "ck-80"),
            LogLine(ago(900), 880, "TrailActivated", "info", "stop follows at 1.0 R", ""),
            LogLine(ago(7), 900, "refused", "warning", "max_exposure: exposure could reach 44,178.31 USDT", "ck-90"),
        ],
        fills=fills(),
        fills_total=2,
        fill_keys={"BTCUSDT/v8/t8": 640, "BTCUSDT/v9/t9": 699},
        links=links(),
        gates=gates(),
        risk=RiskBook(
            day=20_515,
            day_start=10_000.0,
            week=2_931,
            week_start=9_950.0,
            high_water=10_130.0,
            sent_t=[ago(50), ago(30), ago(5)],
        ),
        equity=[(ago(7_200 - i * 60), 10_000 + 84.12 * i / 119 + (i * 7) % 13) for i in range(120)],
        snapshot_t=ago(6),
        doubt=False,
        loop_lag_ms=1.2,
        journal_lag_ms=3.4,
    )
    return View(state=state, now=NOW, profile=profile(mode), symbol=SYMBOL)


def long(mode: Any = "DEMO") -> View:
    """The position of the module's first lines, its stop and target at the venue, two orders working below."""
    view = flat(mode)
    state = view.state
    state.positions = {SYMBOL: long_position()}
    state.stops = {"st-1": Stop("st-1", SYMBOL, None, D("62559.2"), D("63309.2"), ago(3_000))}
    partial = order("ck-102", price=D("62410.0"), filled=D("0.040"), status="PARTIALLY_FILLED", created_t=ago(300))
    put(view, order(), partial)
    state.orders_total = 5
    return view


def losing() -> View:
    """Short 0.250 from 62,859.2 with the stop 300.0 above: at 62,979.2 that is -30.00, -0.40 R."""
    view = long()
    p = view.state.positions[SYMBOL]
    p.qty, p.venue_qty = D("-0.250"), D("-0.250")
    p.stop, p.target, p.liquidation = D("63159.2"), D("62409.2"), 68_597.0
    view.state.stops = {"st-1": Stop("st-1", SYMBOL, None, p.stop, p.target, ago(3_000))}
    view.state.orders, view.state.open_orders = {}, {}
    return view


def awaiting(mode: Any = "DEMO") -> View:
    """``long`` with an order that waits for 18 s more of its 30."""
    view = long(mode)
    put(view, asked_order())
    view.state.approvals = {"ck-104": Approval("ck-104", ago(12), NOW + 18 * SECOND)}
    return view


def killed() -> View:
    view = long()
    view.state.trading, view.state.trading_why, view.state.trading_t = "HALTED", "key F9", ago(65)
    view.state.orders, view.state.open_orders = {}, {}
    return view


def links_down() -> View:
    view = long()
    view.state.links["public"] = Link("public", "connecting", None, ago(14), 3, 2, 8_214, 1, "closed by the venue")
    view.state.links["private"] = Link("private", "failed", None, ago(44), 10, 5, 312, 0, "gave up after 10 tries")
    view.state.trading, view.state.trading_why, view.state.trading_t = "SAFE", "private link lost", ago(9)
    view.state.doubt = True
    return view


def unknown() -> View:
    view = long()
    put(view, order("ck-103", status="UNKNOWN", price=D("62700.0"), sent_t=ago(4), created_t=ago(400)))
    view.state.alarms["UnknownOrder/ck-103"] = (
        "BUY 0.100 BTCUSDT unknown: no answer, counted as filled until the venue says"
    )
    return view


def naked() -> View:
    view = long()
    p = view.state.positions[SYMBOL]
    p.stop, p.naked_since = None, ago(7)
    view.state.stops = {}
    view.state.alarms[f"NakedPosition/{SYMBOL}"] = "BTCUSDT has no protective stop at the venue"
    return view


VIEWS = {
    "empty": empty, "flat": flat, "long": long, "losing": losing, "awaiting": awaiting, "killed": killed,
    "links_down": links_down, "unknown": unknown, "naked": naked,
}  # fmt: skip
