"""backtesting.py: whole units only, so prices are scaled by the quantity; fills at the next open."""

from __future__ import annotations

import backtesting
import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy
from common import CASH, FAST, FEE, QTY, SLOW, Timer, columns, report

data = columns()
cents = np.rint(data["close"] * 100).astype(np.int64)
sums = np.concatenate(([0], np.cumsum(cents)))
gap = np.zeros(len(cents), dtype=np.int64)
gap[SLOW - 1 :] = (sums[SLOW:] - sums[SLOW - FAST : -FAST]) * SLOW - (sums[SLOW:] - sums[:-SLOW]) * FAST


class Cross(Strategy):
    side = flips = 0

    def init(self) -> None:
        pass

    def next(self) -> None:
        row = len(self.data) - 1
        want = 0 if row < SLOW else int(gap[row] > 0) - int(gap[row] < 0) or self.side
        if want not in (0, self.side):
            Cross.flips += 1
            self.position.close()
            self.buy(size=1) if want > 0 else self.sell(size=1)
            self.side = want


frame = pd.DataFrame(
    {name.title(): data[name] * QTY for name in ("open", "high", "low", "close")} | {"Volume": data["volume"]},
    index=pd.to_datetime(data["time"], unit="ms"),
)
test = Backtest(frame, Cross, cash=CASH, commission=FEE, finalize_trades=False)
timer = Timer()
stats = test.run()
report(timer.stop(), Cross.flips, float(stats["Equity Final [$]"]) - CASH, backtesting.__version__)
