"""Which policy of acceptance counts where: a canteen's own, or that of the installation."""

from collections.abc import Collection

from api.settings import Settings
from engine.application.store import EventStore
from engine.deciders.acceptance import ACCEPTANCE, check_limits
from engine.domain.errors import InvalidValueError, SettingsError
from engine.domain.ids import acceptance_stream
from engine.domain.reading import ModelRef
from engine.policies.acceptance import AcceptancePolicy, policy_for_all
from recognition.calibration.limits_file import SHIPPED_LIMITS, read_limits


def policy_without_own(settings: Settings) -> AcceptancePolicy:
    """Return the policy of canteens that have published none for the models in use.

    Raises:
        SettingsError: the file that the settings name cannot be used.
    """
    path = settings.acceptance_limits or SHIPPED_LIMITS
    limits = read_limits(path).limits
    try:
        check_limits(limits)
    except InvalidValueError as error:
        raise SettingsError(f"{path}: {error.message}") from error
    return policy_for_all(limits)


def policy_in_force(
    store: EventStore, settings: Settings, canteen_id: str, models: Collection[ModelRef]
) -> AcceptancePolicy:
    """Return the policy that a reading of these models is judged by at a canteen."""
    own = store.state(ACCEPTANCE, acceptance_stream(canteen_id)).policy_for(models)
    return own or policy_without_own(settings)
