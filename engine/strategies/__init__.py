"""Strategies: pure functions of what they have seen. One file each; ``registry`` finds them by name."""
