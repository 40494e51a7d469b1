"""Bitunix USDT-margined futures behind the ``Venue`` port.

``adapter`` is the door. Requests: ``rest`` (signed, budgeted, classified by ``codes``) under ``reads``, ``trading`` and
``stops``. Streams: ``streams`` keeps one alive, ``public`` and ``private`` make events of what it brings, ``fills`` reads the
trades that no channel brings. ``wire``, ``parse_market`` and ``parse_account`` are the only code that touches the venue's JSON.
"""
