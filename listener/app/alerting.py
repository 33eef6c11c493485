"""Alerts on their way out: delivered, listed, held, released, sent again."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final

from listener.alerts import AlertQuery, AlertRow, State, Verb
from listener.app.ruling import Ruling

if TYPE_CHECKING:
    from listener.alerts import Terms
    from listener.deliver import Courier, Delivered

TICK_S: Final = 0.4
"""How long one delivery of `up` waits for channels; slow ones go on by themselves."""
MOST: Final = 100_000
"""Most alerts of a rule that one command holds or releases."""


class Alerting(Ruling):
    """The verbs of the outbox."""

    @cached_property
    def courier(self) -> "Courier":
        """Build what delivers."""
        from listener.deliver import Courier, Outgoing

        return Courier(
            Outgoing(
                store=self.store,
                sender=self.sender,
                terms=self._terms,
                house=self.house,
                now=self.now,
                thresholds=self.thresholds,
            )
        )

    def deliver(self) -> "Delivered":
        """Deliver what is due now, and wait for it."""
        return self.courier.deliver_due()

    def deliver_due(self) -> None:
        """Deliver what is due now without waiting for slow channels; what fails is logged."""
        self.courier.deliver_due(TICK_S)

    def alerts(self, state: State | None, rule: str | None, limit: int) -> list[AlertRow]:
        """List alerts, newest first."""
        number = None if rule is None else self.find_rule(rule).id
        return self.store.alerts(AlertQuery(state, number, limit=limit))

    def change_alerts(self, verb: Verb, ids: Sequence[int], rule: str | None = None) -> int:
        """Hold, release or send again some alerts, or all of a rule; give how many that changed."""
        if rule is not None:
            query = AlertQuery(rule=self.find_rule(rule).id, limit=MOST)
            ids = [row.id for row in self.store.alerts(query)]
        return self.store.change_alerts(ids, verb, self.now())

    def _terms(self) -> "dict[int, Terms]":
        at = self.config.briefing.at
        return {row.id: row.rule.terms(at) for row in self.store.rules()}
