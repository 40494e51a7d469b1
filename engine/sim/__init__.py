"""The simulated exchange: a market, an order book with accounts, and a loopback server that speaks Bitunix's protocol."""
