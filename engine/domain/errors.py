"""The one tree of errors. Each error has a stable `code`; api.problems maps the tree to HTTP in one table.

A message says what is wrong and what to do. `details` holds what a program needs to react (integers and strings).
Nothing personal may enter a message or a detail.
"""

from typing import ClassVar


class CanteenError(Exception):
    """Root of all errors that this product raises on purpose."""

    code: ClassVar[str] = "canteen_error"

    def __init__(self, message: str, **details: int | str | list[str]) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class CommandRejectedError(CanteenError):
    """A command that the rules of the canteen refuse; the refusal is remembered for the command's id."""

    code = "command_rejected"


class NotFoundError(CommandRejectedError):
    """What the command names does not exist."""

    code = "not_found"


class RecognitionError(CanteenError):
    """A photograph could not be read. Never becomes an empty tray."""

    code = "recognition_failed"


class StoreError(CanteenError):
    """The store could not take or give events; nothing of the command was written."""

    code = "store_failed"


class ProjectionError(CanteenError):
    """A read model could not be built or disagrees with the log."""

    code = "projection_failed"


class SettingsError(CanteenError):
    """The installation is configured in a way that cannot work."""

    code = "settings_invalid"


class AccessDeniedError(CanteenError):
    """The key is unknown, revoked or has no right to do this."""

    code = "access_denied"


# --- what a decider refuses -------------------------------------------------------------------------------------


class IllegalTransitionError(CommandRejectedError):
    """The command does not fit the situation that its stream is in."""

    code = "illegal_transition"


class AlreadyPaidError(IllegalTransitionError):
    code = "already_paid"


class CheckoutHeldError(IllegalTransitionError):
    """Some item is uncertain or unknown; a person has to settle it before the bill can be paid."""

    code = "checkout_held"


class CheckoutVoidedError(IllegalTransitionError):
    code = "checkout_voided"


class NothingScannedError(IllegalTransitionError):
    code = "nothing_scanned"


class WrongAmountError(CommandRejectedError):
    """The terminal asked for another amount than is due; `details['due_fen']` says what is due."""

    code = "wrong_amount"


class InsufficientFundsError(CommandRejectedError):
    code = "insufficient_funds"


class PayerMismatchError(CommandRejectedError):
    """Another person than the identified diner tries to pay from an account."""

    code = "payer_mismatch"


class IdentificationRequiredError(CommandRejectedError):
    code = "identification_required"


class CredentialUnknownError(NotFoundError):
    code = "credential_unknown"


class CredentialExpiredError(CommandRejectedError):
    code = "credential_expired"


class CredentialBlockedError(CommandRejectedError):
    """The card was reported lost, or the consent to face payment was withdrawn."""

    code = "credential_blocked"


class CredentialTakenError(CommandRejectedError):
    """The credential already names another resident."""

    code = "credential_taken"


class UnknownCanteenError(NotFoundError):
    code = "unknown_canteen"


class UnknownLaneError(NotFoundError):
    code = "unknown_lane"


class UnknownResidentError(NotFoundError):
    code = "unknown_resident"


class UnknownItemError(NotFoundError):
    """The bill has no such line."""

    code = "unknown_item"


class UnknownCheckoutError(NotFoundError):
    code = "unknown_checkout"


class OutsideMealPeriodError(CommandRejectedError):
    code = "outside_meal_period"


class NoMenuError(CommandRejectedError):
    """No menu is published for this canteen, day and meal period."""

    code = "no_menu"


class StaleMenuError(CommandRejectedError):
    """The reading was made against another version of the menu than is in force."""

    code = "stale_menu"


class DishNotOnMenuError(CommandRejectedError):
    code = "dish_not_on_menu"


class DishWithoutPriceError(CommandRejectedError):
    code = "dish_without_price"


class EmptyTrayError(CommandRejectedError):
    """No portion was seen. Nothing is billed and nothing is stored as an empty tray."""

    code = "empty_tray"


class InvalidValueError(CommandRejectedError):
    """A value is outside what the command allows; the message names the field."""

    code = "invalid_value"


class InvalidRuleError(InvalidValueError):
    """A benefit rule contradicts itself or another one."""

    code = "invalid_rule"


class ClockInFutureError(CommandRejectedError):
    """The terminal's clock is ahead of the server's by more than is tolerated."""

    code = "clock_in_future"


class RefundExceedsPaymentError(CommandRejectedError):
    code = "refund_exceeds_payment"


class NotPermittedError(CommandRejectedError):
    """The actor may not do this (a diner cannot void, a cashier cannot publish a rule)."""

    code = "not_permitted"


# --- what the write path refuses --------------------------------------------------------------------------------


class CommandIdReusedError(CanteenError):
    """The command's id was used before with another body. Nothing was done."""

    code = "command_id_reused"


class QueueFullError(StoreError):
    """Too many commands wait; try again after `details['retry_after_s']` seconds with the same id."""

    code = "queue_full"


class StoreUnavailableError(StoreError):
    """The database is locked, full or away; the command left no trace. Try again with the same id."""

    code = "store_unavailable"


class StoreCorruptError(StoreError):
    """The log's hash chain is broken. Writing stops until a person has looked."""

    code = "store_corrupt"


class UnknownTopicError(StoreError):
    """A stored event has a topic that this version does not know. Upgrade before you read this log."""

    code = "unknown_topic"


# --- what recognition refuses -----------------------------------------------------------------------------------


class LabelsInvalidError(RecognitionError):
    """A file of labels is missing, malformed or does not fit its photographs."""

    code = "labels_invalid"


class PhotoUnreadableError(RecognitionError):
    """Not a JPEG, PNG or WebP, or damaged."""

    code = "photo_unreadable"


class PhotoTooLargeError(RecognitionError):
    """More bytes or pixels than allowed."""

    code = "photo_too_large"


class PhotoUnusableError(RecognitionError):
    """Readable, but too small, black, white or flat to see a tray on."""

    code = "photo_unusable"


class InferenceFailedError(RecognitionError):
    """The model failed or returned numbers that mean nothing."""

    code = "inference_failed"


class ModelInvalidError(RecognitionError):
    """A model file is missing, changed, or has other inputs and outputs than its card says."""

    code = "model_invalid"


class GalleryMismatchError(RecognitionError):
    """Enrolled vectors come from another embedder."""

    code = "gallery_mismatch"


class EnrolmentError(RecognitionError):
    """The photographs given for a dish cannot be used to enrol it."""

    code = "enrolment_failed"
