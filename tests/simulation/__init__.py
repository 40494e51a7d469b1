"""The whole system in one process on a virtual clock: engine, adapter, exchange, network and disk, all of it from one seed.

``python -m tests.simulation --seed N`` plays one world, ``make simulate`` many. The engine and the exchange are the real ones;
only the loop, the sockets, the journal's disk and chance are made here.
"""
