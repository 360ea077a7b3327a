"""Errors -> RFC 9457 problems, in one table. A test walks the error tree and fails if a class has no row here.

`title` is Chinese and `title_en` English; both belong to the kind of problem. `detail` says what is wrong this time and
what to do. Members beyond the RFC: `code` (stable, for programs), `title_en`, `details`.
"""

import inspect
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import msgspec

from api import request_errors as request
from engine.domain import errors

MEDIA_TYPE: Final = "application/problem+json"
DEFAULT_RETRY_AFTER_S: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemKind:
    """How one class of error is told over HTTP."""

    code: str
    status: int
    title_zh: str
    title_en: str
    meaning: str
    retry: bool = False
    """Whether the same request may succeed later; the answer carries Retry-After then."""

    @property
    def type_uri(self) -> str:
        return f"/problems/{self.code}"


_TABLE: Final[dict[type[errors.CanteenError], tuple[int, str, str]]] = {
    errors.CanteenError: (500, "系统内部错误", "Something failed inside"),
    # rules of the canteen
    errors.CommandRejectedError: (422, "操作被拒绝", "Refused"),
    errors.NotFoundError: (404, "未找到", "Not found"),
    errors.IllegalTransitionError: (409, "当前状态不能这样操作", "Not possible in this situation"),
    errors.AlreadyPaidError: (409, "这一单已经付过款", "Already paid"),
    errors.CheckoutHeldError: (409, "有菜品待确认，暂不能付款", "A dish has to be confirmed first"),
    errors.CheckoutVoidedError: (409, "这一单已作废", "This checkout was voided"),
    errors.NothingScannedError: (409, "还没有识别餐盘", "No tray was read yet"),
    errors.WrongAmountError: (409, "金额与应付不符", "The amount is not what is due"),
    errors.InsufficientFundsError: (402, "余额不足", "Not enough money in the account"),
    errors.PayerMismatchError: (409, "付款人与就餐者不一致", "Another person than the diner pays"),
    errors.IdentificationRequiredError: (409, "请先出示凭证", "A credential has to be shown first"),
    errors.CredentialUnknownError: (404, "凭证未登记", "The credential is not registered"),
    errors.CredentialExpiredError: (403, "凭证已过期", "The credential has expired"),
    errors.CredentialBlockedError: (403, "凭证已挂失或停用", "The credential is blocked"),
    errors.CredentialTakenError: (409, "凭证已登记给他人", "The credential names another resident"),
    errors.UnknownCanteenError: (404, "没有这个食堂", "Unknown canteen"),
    errors.UnknownLaneError: (404, "没有这个结算台", "Unknown lane"),
    errors.UnknownResidentError: (404, "没有这位居民", "Unknown resident"),
    errors.UnknownItemError: (404, "账单上没有这一项", "The bill has no such item"),
    errors.UnknownCheckoutError: (404, "没有这一单", "Unknown checkout"),
    errors.OutsideMealPeriodError: (409, "现在不是供餐时间", "No meal is served now"),
    errors.NoMenuError: (409, "本餐次还没有发布菜单", "No menu is published for this meal"),
    errors.StaleMenuError: (409, "菜单已更新，请重新识别", "The menu has changed; read the tray again"),
    errors.DishNotOnMenuError: (422, "今日菜单没有这道菜", "The dish is not on this menu"),
    errors.DishWithoutPriceError: (422, "菜品没有价格", "The dish has no price"),
    errors.EmptyTrayError: (422, "没有看到菜品", "No dish was seen"),
    errors.InvalidValueError: (422, "数值不符合要求", "A value is not allowed"),
    errors.InvalidRuleError: (422, "优惠规则有误", "The benefit rule is not valid"),
    errors.ClockInFutureError: (422, "终端时钟超前", "The terminal's clock is ahead"),
    errors.RefundExceedsPaymentError: (409, "退款超过已付金额", "More than was paid would be refunded"),
    errors.NotPermittedError: (403, "没有权限", "Not permitted"),
    errors.CommandIdReusedError: (
        409,
        "操作编号已用于其他内容",
        "The Idempotency-Key was used for another request",
    ),
    errors.AccessDeniedError: (403, "没有权限", "The key may not do this"),
    # store and read models
    errors.StoreError: (500, "数据存储故障", "The store failed"),
    errors.QueueFullError: (503, "系统繁忙，请稍后重试", "Too much waits; try again"),
    errors.StoreUnavailableError: (
        503,
        "数据库暂不可用，请稍后重试",
        "The database is unavailable; try again",
    ),
    errors.StoreCorruptError: (500, "账本校验失败，已停止写入", "The log is damaged; writing has stopped"),
    errors.UnknownTopicError: (500, "系统版本过旧，请升级", "The log was written by a newer version"),
    errors.ProjectionError: (500, "统计数据故障", "A read model failed"),
    errors.SettingsError: (500, "系统配置有误", "The installation is configured wrongly"),
    # recognition
    errors.RecognitionError: (422, "识别失败，请手工录入", "The photograph could not be read"),
    errors.PhotoUnreadableError: (422, "照片无法读取", "Not a readable photograph"),
    errors.PhotoTooLargeError: (413, "照片过大", "The photograph is too large"),
    errors.PhotoUnusableError: (422, "照片看不清餐盘", "No tray can be seen on the photograph"),
    errors.InferenceFailedError: (500, "识别模型出错，请重试或手工录入", "The model failed"),
    errors.ModelInvalidError: (500, "识别模型文件无效", "A model file is not valid"),
    errors.GalleryMismatchError: (409, "菜品样图需要重新录入", "Enrolled dishes come from another model"),
    errors.LabelsInvalidError: (422, "标注文件不能使用", "The labels cannot be used"),
    errors.EnrolmentError: (422, "菜品照片不能使用", "The photographs cannot be used"),
    # the request itself
    request.RequestError: (400, "请求有误", "Bad request"),
    request.RouteUnknownError: (404, "没有这个地址", "Nothing answers here"),
    request.MethodNotAllowedError: (405, "该地址不支持此方法", "Method not allowed"),
    request.BodyTooLargeError: (413, "内容过大", "The body is too large"),
    request.BodyTooSlowError: (408, "上传超时", "The body came too slowly"),
    request.BodyInvalidError: (422, "内容格式有误", "The body is not valid"),
    request.MediaTypeUnsupportedError: (415, "内容类型不支持", "Unsupported media type"),
    request.ParameterInvalidError: (422, "参数有误", "A parameter is not valid"),
    request.IdempotencyKeyMissingError: (400, "缺少操作编号", "The Idempotency-Key is missing"),
    request.ImportInvalidError: (422, "文件有误，未写入任何数据", "The file has errors; nothing was written"),
    request.RecognitionBusyError: (503, "识别繁忙，请稍后重试", "Too many photographs wait; try again"),
    request.EventStreamsFullError: (503, "事件订阅已满", "Too many listeners"),
    request.KeyRequiredError: (401, "需要有效密钥", "A valid key is needed"),
    request.OtherLaneError: (403, "不能操作其他结算台", "The key belongs to another lane"),
    request.UnexpectedError: (500, "系统内部错误", "Something failed inside"),
}


def _kind(error_type: type[errors.CanteenError], row: tuple[int, str, str]) -> ProblemKind:
    status, title_zh, title_en = row
    return ProblemKind(
        code=error_type.code,
        status=status,
        title_zh=title_zh,
        title_en=title_en,
        meaning=inspect.cleandoc(error_type.__doc__) if "__doc__" in vars(error_type) and error_type.__doc__ else "",
        retry=status == HTTPStatus.SERVICE_UNAVAILABLE,
    )


PROBLEM_KINDS: Final[dict[type[errors.CanteenError], ProblemKind]] = {
    error_type: _kind(error_type, row) for error_type, row in _TABLE.items()
}


def kind_of(error_type: type[errors.CanteenError]) -> ProblemKind:
    """Return how a class of error is told; one without a row of its own is told as what it is derived from."""
    return next(PROBLEM_KINDS[ancestor] for ancestor in error_type.__mro__ if ancestor in PROBLEM_KINDS)


def problem_body(error: errors.CanteenError, instance: str) -> dict[str, Any]:
    """Return the members of a problem; `instance` is the path of the request."""
    kind = kind_of(type(error))
    return {
        "type": kind.type_uri,
        "title": kind.title_zh,
        "title_en": kind.title_en,
        "status": kind.status,
        "detail": error.message,
        "code": kind.code,
        "instance": instance,
        "details": error.details,
    }


def problem_response(error: errors.CanteenError, instance: str) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of the answer to a request that failed."""
    kind = kind_of(type(error))
    headers = {"content-type": MEDIA_TYPE}
    if kind.retry:
        headers["retry-after"] = str(error.details.get("retry_after_s", DEFAULT_RETRY_AFTER_S))
    if kind.status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = 'Bearer realm="canteen"'
    return kind.status, headers, msgspec.json.encode(problem_body(error, instance))
