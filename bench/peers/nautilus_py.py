"""nautilus_trader 1.x, low-level engine, external bars, its analysis off; fills at the same close."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import Any

import nautilus_trader
import pandas as pd
from common import CASH, FAST, FEE, QTY, SLOW, Timer, columns, report
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, TraderId, Venue
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.trading.strategy import Strategy

VENUE = Venue("SIM")
ID = InstrumentId(Symbol("BTCUSDT-PERP"), VENUE)
INSTRUMENT = CryptoPerpetual(
    instrument_id=ID,
    raw_symbol=Symbol("BTCUSDT"),
    base_currency=BTC,
    quote_currency=USDT,
    settlement_currency=USDT,
    is_inverse=False,
    price_precision=2,
    size_precision=6,
    price_increment=Price.from_str("0.01"),
    size_increment=Quantity.from_str("0.000001"),
    margin_init=Decimal("0.05"),
    margin_maint=Decimal("0.025"),
    maker_fee=Decimal(str(FEE)),
    taker_fee=Decimal(str(FEE)),
    ts_event=0,
    ts_init=0,
)
BARS = BarType.from_str(f"{ID}-1-MINUTE-LAST-EXTERNAL")


class Cross(Strategy):
    def __init__(self) -> None:
        super().__init__(StrategyConfig())
        self.seen = self.side = self.flips = 0
        self.windows = deque([0.0] * FAST), deque([0.0] * SLOW)
        self.sums = [0.0, 0.0]

    def on_start(self) -> None:
        self.subscribe_bars(BARS)

    def on_bar(self, bar: Any) -> None:
        self.seen += 1
        close = bar.close.as_double()
        for n, window in enumerate(self.windows):
            window.append(close)
            self.sums[n] += close - window.popleft()
        gap = self.sums[0] * SLOW - self.sums[1] * FAST
        want = 0 if self.seen <= SLOW else 1 if gap > 1e-4 else -1 if gap < -1e-4 else self.side
        if want in (0, self.side):
            return
        side = OrderSide.BUY if want > 0 else OrderSide.SELL
        size = INSTRUMENT.make_qty(QTY if self.side == 0 else 2 * QTY)
        self.submit_order(self.order_factory.market(instrument_id=ID, order_side=side, quantity=size))
        self.side = want
        self.flips += 1


data = columns()
engine = BacktestEngine(
    config=BacktestEngineConfig(
        trader_id=TraderId("BENCH-001"), logging=LoggingConfig(bypass_logging=True), run_analysis=False
    )
)
engine.add_venue(
    venue=VENUE,
    oms_type=OmsType.NETTING,
    account_type=AccountType.MARGIN,
    base_currency=USDT,
    starting_balances=[Money(CASH, USDT)],
)
engine.add_instrument(INSTRUMENT)
closes = pd.to_datetime(data["time"] + 60_000, unit="ms", utc=True)  # it stamps a bar at its close
frame = pd.DataFrame({name: data[name] for name in ("open", "high", "low", "close", "volume")}, index=closes)
engine.add_data(BarDataWrangler(BARS, INSTRUMENT).process(frame))
strategy = Cross()
engine.add_strategy(strategy)
timer = Timer()
engine.run()
spent = timer.stop()
last = float(data["close"][-1])
open_profit = sum(p.signed_qty * (last - p.avg_px_open) for p in engine.cache.positions_open())
money = engine.cache.account_for_venue(VENUE).balance_total(USDT).as_double()
report(spent, strategy.flips, money + open_profit - CASH, nautilus_trader.__version__)
