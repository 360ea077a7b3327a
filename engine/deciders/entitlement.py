"""The benefits that a resident has used lately, over all canteens: what caps are counted on."""

from dataclasses import dataclass, replace
from datetime import date, timedelta

from engine.deciders.stream_type import StreamType
from engine.domain.actor import Actor
from engine.domain.bill import AppliedBenefit
from engine.domain.canteen import Site
from engine.domain.events import EntitlementRestored, EntitlementUsed, Event
from engine.policies.benefits import BenefitUse

# The longest cap period is a month and the longest week that touches it; older uses can limit nothing.
REMEMBERED_DAYS = 45


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutUse:
    """One benefit that one bill used."""

    checkout_id: str
    use: BenefitUse


@dataclass(frozen=True, slots=True, kw_only=True)
class EntitlementUse:
    """Uses of the last 45 days before the newest one, oldest first."""

    uses: tuple[CheckoutUse, ...] = ()

    def counted(self) -> tuple[BenefitUse, ...]:
        """Return the uses that caps count."""
        return tuple(entry.use for entry in self.uses)


def decide_use(
    *, at_ms: int, by: Actor, resident_id: str, checkout_id: str, site: Site, benefits: tuple[AppliedBenefit, ...]
) -> tuple[Event, ...]:
    """Record the benefits of a paid bill; caps were respected when the bill was computed on this stream's state."""
    if not benefits:
        return ()
    return (
        EntitlementUsed(
            at_ms=at_ms,
            by=by,
            resident_id=resident_id,
            checkout_id=checkout_id,
            canteen_id=site.canteen_id,
            business_day=date.fromisoformat(site.business_day),
            meal_period=site.meal_period,
            benefits=benefits,
        ),
    )


def decide_restoration(
    *, at_ms: int, by: Actor, resident_id: str, checkout_id: str, site: Site, benefits: tuple[AppliedBenefit, ...]
) -> tuple[Event, ...]:
    """Give back to the caps what a refund reversed."""
    if not benefits:
        return ()
    return (
        EntitlementRestored(
            at_ms=at_ms,
            by=by,
            resident_id=resident_id,
            checkout_id=checkout_id,
            canteen_id=site.canteen_id,
            business_day=date.fromisoformat(site.business_day),
            meal_period=site.meal_period,
            benefits=benefits,
        ),
    )


def evolve(state: EntitlementUse, event: Event) -> EntitlementUse:
    """Return the uses after an event. A benefit that was reversed wholly counts no more, not even as a time."""
    match event:
        case EntitlementUsed():
            added = tuple(
                CheckoutUse(
                    checkout_id=event.checkout_id,
                    use=BenefitUse(
                        rule_id=benefit.rule_id,
                        business_day=event.business_day,
                        meal_period=event.meal_period,
                        amount_fen=benefit.amount_fen,
                    ),
                )
                for benefit in event.benefits
            )
            oldest = event.business_day - timedelta(days=REMEMBERED_DAYS)
            return EntitlementUse(uses=(*(e for e in state.uses if e.use.business_day >= oldest), *added))
        case EntitlementRestored():
            reversed_fen = {benefit.rule_id: benefit.amount_fen for benefit in event.benefits}
            return EntitlementUse(
                uses=tuple(
                    entry
                    for entry in (_less(entry, event.checkout_id, reversed_fen) for entry in state.uses)
                    if entry.use.amount_fen > 0
                )
            )
        case _:
            return state


def _less(entry: CheckoutUse, checkout_id: str, reversed_fen: dict[str, int]) -> CheckoutUse:
    if entry.checkout_id != checkout_id or entry.use.rule_id not in reversed_fen:
        return entry
    left_fen = entry.use.amount_fen - reversed_fen[entry.use.rule_id]
    return replace(entry, use=replace(entry.use, amount_fen=left_fen))


ENTITLEMENT: StreamType[EntitlementUse] = StreamType(
    initial=EntitlementUse(), evolve=evolve, snapshot_state=EntitlementUse
)
