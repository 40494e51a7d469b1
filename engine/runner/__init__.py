"""The synchronous runner: the same trader, gate and strategies over candles of the past, as fast as they can be read."""
