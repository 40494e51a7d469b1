"""The async shell around the core: one session from its first event to its last."""
