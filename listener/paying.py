"""What a call may cost is reserved before it is made, and given back where the platform refused it (R8)."""

from listener import budget, connector
from listener.connector import Budgeted, Connector
from listener.drafting import Tools
from listener.errors import ConnectorError, FeedGone, NotAuthorised, OutOfBudget, RateLimited, Refused
from listener.types import Feed


def reserve(tools: Tools, source: Connector, feed: Feed, cost: float) -> int | None:
    """Reserve the most that the next call may cost; None: this connector costs nothing (R8).

    Raises OutOfBudget where that is not allowed now.
    """
    settings = source.settings
    if not isinstance(settings, Budgeted):
        return None
    now, name = tools.now(), source.name
    monthly, daily = settings.monthly_budget, settings.daily_budget
    number = tools.store.reserve(name, cost, budget.allowance(monthly, daily, now), now)
    if number is not None:
        return number
    spent = next((one for one in tools.store.spending(now) if one.connector == name), budget.Spending(name, 0.0, 0.0))
    until = budget.resumes_at(spent, cost, monthly, daily, now)
    unit = source.traits.currency
    if until is None:
        key = f"connectors.{name}.monthly_budget"
        why = f"a page may cost {budget.shown(cost, unit)}, and {key} is {budget.shown(monthly, unit)}; raise it"
        raise OutOfBudget(f"{connector.named(feed)}: {why}", budget.next_day(now))
    why = f"{budget.shown(spent.month, unit)} of this month's {budget.shown(monthly, unit)} are spent"
    why += f" and a page may cost {budget.shown(cost, unit)}; the budget is spread over the month"
    raise OutOfBudget(f"{connector.named(feed)}: {why}; goes on {until:%Y-%m-%d %H:%M} UTC", until)


def settle_failed(tools: Tools, source: Connector, reservation: int | None, error: ConnectorError) -> None:
    """Give back what was reserved for a call that the platform refused; what may have been billed stays spent."""
    if isinstance(error, OutOfBudget) and reservation is not None:
        tools.store.stop_spending(source.name, error.until or budget.next_month(tools.now()))
    if reservation is not None and isinstance(error, OutOfBudget | RateLimited | NotAuthorised | FeedGone | Refused):
        tools.store.settle(reservation, 0.0)
