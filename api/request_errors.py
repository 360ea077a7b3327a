"""What is wrong with a request before any rule of the canteen is asked. Part of the one tree of errors."""

from engine.domain.errors import AccessDeniedError, CanteenError


class RequestError(CanteenError):
    """The request cannot be understood or served as it is."""

    code = "request_invalid"


class RouteUnknownError(RequestError):
    """Nothing answers under this path."""

    code = "route_unknown"


class MethodNotAllowedError(RequestError):
    """The path exists but not with this method."""

    code = "method_not_allowed"


class BodyTooLargeError(RequestError):
    """The body is larger than this route takes; reading stopped there."""

    code = "body_too_large"


class BodyTooSlowError(RequestError):
    """The body did not arrive in time; a place in the recognition queue is not held for it any longer."""

    code = "body_too_slow"


class BodyInvalidError(RequestError):
    """The body is not what the route takes; the message names the field, never its value."""

    code = "body_invalid"


class MediaTypeUnsupportedError(RequestError):
    """The body's Content-Type is not one that the route takes."""

    code = "media_type_unsupported"


class ParameterInvalidError(RequestError):
    """A part of the path or the query is missing or outside its range."""

    code = "parameter_invalid"


class IdempotencyKeyMissingError(RequestError):
    """Writes need an Idempotency-Key, so that a repeated request is done once."""

    code = "idempotency_key_missing"


class ImportInvalidError(RequestError):
    """Some lines of a file cannot be taken; none was written."""

    code = "import_invalid"


class RecognitionBusyError(RequestError):
    """Too many photographs wait to be read; try again after `details['retry_after_s']` seconds."""

    code = "recognition_busy"


class EventStreamsFullError(RequestError):
    """Too many listeners follow the event stream already."""

    code = "event_streams_full"


class KeyRequiredError(AccessDeniedError):
    """No key was sent, or one that is unknown or revoked. Which of these it was is not told."""

    code = "key_required"


class OtherLaneError(AccessDeniedError):
    """The key is bound to a canteen or a lane, and the request is about another one."""

    code = "other_lane"


class UnexpectedError(CanteenError):
    """A fault of this program. It is logged under `details['error_id']`, with nothing personal."""

    code = "unexpected"
