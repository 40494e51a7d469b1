"""What a backtest gave, measured and shown: metrics by their standard definitions and one self-contained page."""
