"""Stable codes: why an order was refused, and what deserves a notice. A code is never reused for another meaning."""

from __future__ import annotations

REASONS: dict[str, str] = {
    "duplicate_order_id": "An order with this id was already decided.",
    "throttled": "Too soon after the previous order.",
    "rate_limit_exceeded": "Too many orders in the last minute.",
    "repeated_execution": "A strategy repeated itself without a person's action; resume to allow it again.",
    "max_quantity": "More than the largest order allowed for this symbol.",
    "max_notional": "Worth more than the largest order allowed.",
    "min_notional": "Smaller than the smallest order that makes sense or that the venue takes.",
    "max_position": "The position could grow beyond its limit.",
    "max_leverage": "Exposure over equity could exceed the limit.",
    "max_exposure": "Exposure with all working and unknown orders could exceed the limit.",
    "total_at_risk": "What all stops together would cost could exceed the limit.",
    "price_collar": "The price is too far from the market.",
    "spread_too_wide": "The spread is wider than allowed.",
    "stale_quote": "The last quote is too old.",
    "outlier_price": "Book and mark price disagree, or the book is crossed or one-sided.",
    "max_slippage": "The book is too thin: the order would move the price too far.",
    "daily_loss": "The day's loss limit is reached.",
    "weekly_loss": "The week's loss limit is reached.",
    "max_drawdown": "Equity is too far below its high-water mark.",
    "consecutive_losses": "Too many losing trades in a row.",
    "cooldown": "Too soon after the last trade closed.",
    "reward_risk_too_low": "The target is too near for the risk.",
    "post_only_would_cross": "A post-only order would take liquidity.",
    "reduce_only_violation": "A reduce-only order would open or grow a position.",
    "no_stop": "An entry without a protective stop, or with one on the wrong side.",
    "paused": "Trading is paused: no new entries.",
    "halted": "The kill switch is on.",
    "safe_mode": "Links were lost for good, or the error budget is spent; a person must clear SAFE.",
    "links_down": "A link to the venue is not up.",
    "breaker_open": "The venue did not answer several requests in a row; they rest for a while.",
    "symbol_not_allowed": "The symbol is not in the profile, not listed or not open for trading.",
    "approval_declined": "A person said no.",
    "approval_expired": "Nobody answered in time, which means no.",
    "venue_rejected": "The venue refused the order.",
}

NOTICES: dict[str, tuple[str, str]] = {
    # kind: (level, title)
    "TrailActivated": ("info", "trailing stop armed"),
    "StalePosition": ("warning", "position held long"),
    "LowVolume": ("info", "no volume"),
    "GapDetected": ("warning", "candles missing"),
    "NakedPosition": ("alarm", "no protective stop"),
    "ProtectFailed": ("alarm", "stop refused"),
    "UnknownOrder": ("alarm", "order outcome unknown"),
    "ForeignOrder": ("warning", "order not ours"),
    "PositionMismatch": ("alarm", "position differs from the venue"),
    "BalanceMismatch": ("warning", "balance differs from the venue"),
    "ForeignHoldings": ("alarm", "held outside of this profile"),
    "OrderResized": ("info", "order resized"),
    "StaleCommand": ("info", "key ignored"),
    "ClockJump": ("alarm", "clock set"),
    "ExchangeGone": ("alarm", "exchange ended"),
    "DailyLoss": ("alarm", "daily loss limit"),
    "WeeklyLoss": ("alarm", "weekly loss limit"),
    "Drawdown": ("alarm", "drawdown limit"),
    "LoopLag": ("alarm", "event loop late"),
    "MemoryFull": ("alarm", "memory ceiling"),
    "LatchLost": ("alarm", "kill switch not kept"),
    "WatchdogGone": ("alarm", "no watchdog"),
    "LibraryFault": ("warning", "fault in a library"),
    "NoMetrics": ("warning", "no metrics endpoint"),
    "DataUnavailable": ("alarm", "no data from the venue"),
    "Alerts": ("info", "alerts"),
    "AlertFailed": ("warning", "alerts do not arrive"),
}
"""Notices: level (info, warning or alarm) and title."""
STANDING = frozenset(
    {
        "ForeignHoldings",
        "NakedPosition",
        "PositionMismatch",
        "BalanceMismatch",
        "ProtectFailed",
        "ClockJump",
        "ExchangeGone",
    }
    | {"DailyLoss", "WeeklyLoss", "Drawdown", "LoopLag", "MemoryFull", "LatchLost", "WatchdogGone"}
    | {"DataUnavailable", "AlertFailed"}
)
"""Kinds that stand as alarms until their cause is gone."""
PROBED = frozenset(
    {"ForeignHoldings", "ClockJump", "ExchangeGone", "LoopLag", "MemoryFull", "LatchLost", "WatchdogGone"}
)
"""Standing kinds that every session finds out anew: none of them is carried from one to the next."""
