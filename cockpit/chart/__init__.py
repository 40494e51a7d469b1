"""The candle chart: `scene` is what it draws, `widget` is what an app mounts, everything between is pure."""
