"""Plain data that every other part speaks: market data, orders, events, state and settings."""
