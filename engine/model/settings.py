"""The shape of a profile. Every limit is mandatory: what is missing is an error at start, never infinity.

Percentages are percent (``1.0`` is one percent) and end in ``_pct``; basis points end in ``_bps``; ``_quote`` is money in the
quote currency; ``_s`` is seconds. The loader is ``engine.ops.config``.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

import msgspec

from engine.model.fill_settings import FillModel

Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]


class Settings(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    pass


class SymbolLimits(Settings):
    """Largest single order and largest position, in the base currency."""

    max_quantity: Decimal
    max_position: Decimal


class RiskLimits(Settings):
    symbols: dict[str, SymbolLimits]
    max_notional_quote: Positive
    min_notional_quote: NotNegative
    max_leverage: Positive
    max_exposure_quote: Positive
    total_at_risk_pct: Positive
    price_collar_pct: Positive
    max_spread_bps: Positive
    stale_quote_s: Positive
    outlier_pct: Positive
    max_slippage_bps: Positive
    daily_loss_pct: Positive
    weekly_loss_pct: Positive
    max_drawdown_pct: Positive
    consecutive_losses: Count
    cooldown_s: NotNegative
    min_reward_risk: NotNegative
    order_spacing_s: NotNegative
    orders_per_minute: Count
    repeated_execution: Count
    require_stop: bool


class TradingRules(Settings):
    """How intents become orders and positions are looked after."""

    approval: Literal["required", "auto"]
    approval_ttl_s: Positive
    approval_max_move_bps: Positive
    decline_rest_bars: Annotated[int, msgspec.Meta(ge=0)]
    """Closed candles for which a strategy does not ask again after a no."""
    risk_pct: Annotated[float, msgspec.Meta(gt=0, le=100)]
    leverage: Count
    trail_arm_r: NotNegative
    """Profit in R at which the stop starts to trail; 0 switches trailing off."""
    trail_distance_r: Positive
    stale_position_bars: Count
    naked_grace_s: Positive
    unknown_retry_s: Positive
    on_quit: Literal["leave", "close", "ask"]
    on_ui_loss: Literal["cancel_entries", "leave", "flatten"]


class VenueSettings(Settings, kw_only=True):
    """Where orders go. Empty addresses mean the venue's own (``bitunix``) or the embedded exchange (``simulated``)."""

    kind: Literal["simulated", "bitunix"]
    rest: str = ""
    public: str = ""
    private: str = ""
    requests_per_s: Positive
    cancel_reserve_per_s: Positive
    timeout_s: Positive
    ping_s: Positive
    silence_public_s: Positive
    silence_private_s: Positive
    reconnect_first_s: Positive
    reconnect_max_s: Positive
    reconnect_tries: Count
    poll_account_s: Positive


class ExchangeSettings(Settings):
    """The embedded exchange of the demo profile. ``seed`` None picks one; ``candles`` empty generates a market."""

    speed: Positive
    seed: int | None
    candles: str
    balance_quote: Decimal
    start_price: Positive


class ScreenSettings(Settings):
    theme: Literal["dark", "light"]
    refresh_hz: Annotated[float, msgspec.Meta(ge=1, le=20)]
    timeframe: Literal["1m", "5m", "15m", "1h"]
    keymap: dict[str, str]


class PreflightSettings(Settings):
    min_equity_quote: NotNegative
    max_clock_offset_ms: Positive


class Profile(Settings, kw_only=True):
    name: str
    mode: Literal["DEMO", "PAPER", "LIVE", "BACKTEST"]
    symbols: Annotated[list[str], msgspec.Meta(min_length=1)]
    strategies: list[str]
    risk: RiskLimits
    trading: TradingRules
    venue: VenueSettings
    exchange: ExchangeSettings
    fill: FillModel = FillModel()
    screen: ScreenSettings
    preflight: PreflightSettings
