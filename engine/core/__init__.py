"""The deterministic part: events in, decisions out. No clock, no chance, no network, no waiting."""
