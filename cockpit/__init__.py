"""The cockpit: shows what the engine does and asks a person; it never decides."""

__version__ = "0.1.0"
