"""Searching parameters: sweeps, studies, walk-forward and the statistics that warn of over-fitting."""
