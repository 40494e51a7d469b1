"""backtrader in its fast mode (indicators up front); fills at the next open."""

from __future__ import annotations

import datetime as dt
from typing import Any

import backtrader as bt
from common import CASH, FAST, FEE, QTY, SLOW, Timer, columns, report


class Feed(bt.DataBase):
    params = (("rows", None),)

    def start(self) -> None:
        super().start()
        self.left = iter(self.p.rows)

    def _load(self) -> bool:
        row = next(self.left, None)
        if row is None:
            return False
        names = ("datetime", "open", "high", "low", "close", "volume")
        for name, value in zip(names, row, strict=True):
            getattr(self.lines, name)[0] = value
        self.lines.openinterest[0] = 0.0
        return True


class Cross(bt.Strategy):
    def __init__(self) -> None:
        self.seen = self.side = self.flips = 0
        self.fast = bt.ind.SMA(self.data.close, period=FAST)
        self.slow = bt.ind.SMA(self.data.close, period=SLOW)

    def prenext(self) -> None:
        self.seen += 1

    def next(self) -> None:
        self.seen += 1
        gap = self.fast[0] - self.slow[0]
        want = 0 if self.seen <= SLOW else 1 if gap > 1e-9 else -1 if gap < -1e-9 else self.side
        if want not in (0, self.side):
            size = QTY if self.side == 0 else 2 * QTY
            self.buy(size=size) if want > 0 else self.sell(size=size)
            self.side = want
            self.flips += 1


data: dict[str, Any] = columns()
epoch = bt.date2num(dt.datetime(1970, 1, 1))  # noqa: DTZ001  # its dates have no zone
stamps = epoch + data["time"] / 86_400_000.0
lists = [stamps.tolist(), *(data[name].tolist() for name in ("open", "high", "low", "close", "volume"))]
cerebro = bt.Cerebro(stdstats=False)
cerebro.adddata(Feed(rows=list(zip(*lists, strict=True)), timeframe=bt.TimeFrame.Minutes))
cerebro.addstrategy(Cross)
cerebro.broker.setcash(CASH)
cerebro.broker.setcommission(commission=FEE, leverage=20.0)
cerebro.broker.set_shortcash(False)
timer = Timer()
(strategy,) = cerebro.run()
report(timer.stop(), strategy.flips, cerebro.broker.getvalue() - CASH, bt.__version__)
