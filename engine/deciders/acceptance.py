"""From which limits a canteen bills without asking, in versions."""

from collections.abc import Collection
from dataclasses import dataclass

from engine.deciders.stream_type import StreamType
from engine.domain.acceptance import AcceptanceLimits, Calibration
from engine.domain.commands import PublishAcceptancePolicy
from engine.domain.errors import InvalidValueError
from engine.domain.events import AcceptancePolicyPublished, Event
from engine.domain.reading import ModelRef
from engine.policies.acceptance import AcceptancePolicy

WHOLE_BPS = 10_000
MAX_PORTIONS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """The newest policy of a canteen; `version` is 0 while it has none of its own."""

    canteen_id: str = ""
    version: int = 0
    limits: AcceptanceLimits | None = None
    calibration: Calibration | None = None

    @property
    def policy_id(self) -> str:
        """How scans name the policy."""
        return f"{self.canteen_id}-v{self.version}"

    def policy_for(self, models: Collection[ModelRef]) -> AcceptancePolicy | None:
        """Return the canteen's own policy for a reading, if it has one for the models that made the reading.

        Likeness of another model means something else, so limits that were measured with other models are not used.
        """
        if self.limits is None:
            return None
        if self.calibration is not None and not set(self.calibration.models) <= set(models):
            return None
        return AcceptancePolicy(policy_id=self.policy_id, limits=self.limits)


def decide_publication(state: Acceptance, command: PublishAcceptancePolicy) -> tuple[Event, ...]:
    """Put limits in force as the next version; the same again changes nothing.

    Raises:
        InvalidValueError: `details['field']` is outside its range.
    """
    check_limits(command.limits)
    if (state.limits, state.calibration) == (command.limits, command.calibration):
        return ()
    return (
        AcceptancePolicyPublished(
            at_ms=command.at_ms,
            by=command.by,
            canteen_id=command.canteen_id,
            version=state.version + 1,
            limits=command.limits,
            calibration=command.calibration,
        ),
    )


def check_limits(limits: AcceptanceLimits) -> None:
    """Refuse limits that no tray could be judged by.

    Raises:
        InvalidValueError: the message names the field and its range.
    """
    ranges = {
        "likeness_pct": (limits.likeness_pct, 0, 100),
        "accept_bps": (limits.accept_bps, 1, WHOLE_BPS),
        "known_bps": (limits.known_bps, 0, WHOLE_BPS),
        "detector_bps": (limits.detector_bps, 0, WHOLE_BPS),
        "most_equal": (limits.most_equal, 1, MAX_PORTIONS),
        "most_portions": (limits.most_portions, 1, MAX_PORTIONS),
    }
    for field, (value, least, most) in ranges.items():
        if not least <= value <= most:
            raise InvalidValueError(f"{field} is {value}; it must be {least} to {most}.", field=field)


def evolve(state: Acceptance, event: Event) -> Acceptance:
    """Return the canteen's policy after an event."""
    match event:
        case AcceptancePolicyPublished():
            return Acceptance(
                canteen_id=event.canteen_id, version=event.version, limits=event.limits, calibration=event.calibration
            )
        case _:
            return state


ACCEPTANCE: StreamType[Acceptance] = StreamType(initial=Acceptance(), evolve=evolve)
