"""All read models of the product, in the order in which they are shown."""

from projections.checkout_totals import CheckoutTotalsProjection
from projections.open_checkouts import OpenCheckoutsProjection
from projections.projection import Projection
from projections.queue_metrics import QueueMetricsProjection
from projections.subsidy_ledger import SubsidyLedgerProjection


def build_projections(utc_offset_minutes: int = 480) -> tuple[Projection, ...]:
    """Make one of each.

    Args:
        utc_offset_minutes: the street's time zone, which tells on which day a wallet moved.
    """
    return (
        CheckoutTotalsProjection(),
        SubsidyLedgerProjection(utc_offset_minutes),
        QueueMetricsProjection(),
        OpenCheckoutsProjection(),
    )
