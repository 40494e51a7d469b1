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
    stale_link_s: NotNegative = 0.0
    """No entry when private stream or account have been silent for longer; 0, as in recordings from before: not looked at."""


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
    on_loss_limit: Literal["kill", "refuse"] = "refuse"
    """A limit of the day, the week or the drawdown is reached: the kill switch, or only no entries. The default is what
    recordings from before the setting did."""


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


class WatchSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What looks after the process itself; defaults are for recordings from before there was such a section."""

    start: bool = False
    """A watchdog of its own process for every session."""
    after_s: Annotated[float, msgspec.Meta(ge=3)] = 15.0
    """Without a heartbeat for this long, the watchdog acts; a heartbeat comes every second."""
    does: Literal["kill", "flatten", "alert"] = "kill"
    lag_s: Positive = 2.0
    """An event loop that comes later than this stands as an alarm."""
    memory_mb: Count = 1024
    """Resident memory at which the session ends in order."""


class ErrorSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many errors are borne; defaults are for recordings from before there was such a section."""

    budget: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Points that errors may cost (``engine.core.fold.errors``) before trading is SAFE; 0: they are only counted."""
    breaker_failures: Count = 5
    """Requests of a family in a row without an answer, then it is left alone."""
    breaker_rest_s: Positive = 5.0
    """Until one request may try again; doubled every time that it fails."""
    breaker_rest_max_s: Positive = 60.0


class AlertSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is sent to a person who is not at the screen. Where to is kept with the keys (``cockpit alerts``)."""

    causes: dict[str, bool] = {}
    """Causes (``engine.ops.alerts.CAUSES``) to send or not to send, against their own default."""
    throttle_s: Positive = 300.0
    """One message a cause in this time; what is swallowed is counted and told at its end."""
    timeout_s: Positive = 10.0
    """For one attempt."""
    retries: Annotated[int, msgspec.Meta(ge=0, le=10)] = 3
    """Attempts after the first, with pauses that double."""


class LogSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The log file (``engine.ops.logs``)."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    keep_days: Count = 30


class MetricsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Figures for other programs (``engine.session.metrics``)."""

    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 0
    """Of the Prometheus endpoint on loopback; 0 is none."""
    every_s: NotNegative = 5.0
    """Between two writings of ``metrics.json``; 0 is never."""


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
    watch: WatchSettings = WatchSettings()
    errors: ErrorSettings = ErrorSettings()
    alerts: AlertSettings = AlertSettings()
    logs: LogSettings = LogSettings()
    metrics: MetricsSettings = MetricsSettings()
