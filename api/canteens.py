"""The canteens as this process knows them, from the events of the log."""

from engine.deciders.canteen import Canteen, require_profile, site_at
from engine.domain.canteen import CanteenProfile, Site


class CanteenBook:
    """All canteens by id. Profiles are replaced as a whole, so any thread may ask."""

    def __init__(self) -> None:
        self._profiles: dict[str, CanteenProfile] = {}

    def remember(self, profile: CanteenProfile) -> None:
        """Take in a new or changed canteen."""
        self._profiles[profile.canteen_id] = profile

    def all(self) -> tuple[CanteenProfile, ...]:
        """Return every canteen, ordered by id."""
        return tuple(self._profiles[canteen_id] for canteen_id in sorted(self._profiles))

    def profile(self, canteen_id: str) -> CanteenProfile:
        """Return one canteen.

        Raises:
            UnknownCanteenError: none has this id.
        """
        return require_profile(Canteen(profile=self._profiles.get(canteen_id)), canteen_id)

    def site_at(self, canteen_id: str, lane_id: str, at_ms: int) -> Site:
        """Return lane, business day and meal period of an instant.

        Raises:
            UnknownCanteenError, UnknownLaneError, OutsideMealPeriodError: there is no such thing.
        """
        return site_at(self.profile(canteen_id), lane_id, at_ms)
