"""Which of the venue's order ids carries which client id, as far as we have heard; in bounded memory."""

from __future__ import annotations

_KEPT = 20_000


class Names:
    def __init__(self) -> None:
        self._clients: dict[str, str] = {}
        self._confirmed: set[str] = set()
        self._sent: dict[str, None] = {}

    def sent(self, client_id: str) -> None:
        """We use this client id ourselves: an order that carries it is ours, even before the venue answered."""
        self._sent[client_id] = None
        if len(self._sent) > _KEPT:
            del self._sent[next(iter(self._sent))]

    def learn(self, venue_id: str, client_id: str, *, confirmed: bool = False) -> None:
        """``confirmed`` is the venue's answer about an order that we named: it outweighs what the venue writes elsewhere."""
        if not venue_id or (venue_id in self._confirmed and not confirmed):
            return
        if len(self._clients) >= _KEPT:
            oldest = next(iter(self._clients))
            del self._clients[oldest]
            self._confirmed.discard(oldest)
        self._clients[venue_id] = client_id
        if confirmed:
            self._confirmed.add(venue_id)

    def is_ours(self, venue_id: str) -> bool:
        return venue_id in self._confirmed or self._clients.get(venue_id) in self._sent

    def get(self, venue_id: str) -> str | None:
        """The client id, empty for an order that has none, None when we never heard of the order."""
        return self._clients.get(venue_id)
