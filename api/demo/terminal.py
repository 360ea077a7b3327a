"""One simulated settlement terminal: it posts what a real one would post, and keeps its own total."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from api.clock import Clock, monotonic_ns
from api.demo.lunch import Portion, Visit
from engine.domain.bill import Tender
from engine.domain.reading import Box

_TRIES: Final = 6
_SAME_PLACE: Final = 0.3
HANDED_OVER: Final = "trays handed to a person"
RIGHT: Final = "trays right by themselves"
SILENTLY_WRONG: Final = "trays silently wrong"
NO_DISH: Final = "empty trays"
NOTHING_SEEN: Final = "full trays taken for empty"
_ACQUIRERS: Final = {Tender.QR: "wechat-pay", Tender.CARD: "unionpay"}


@dataclass(slots=True)
class TerminalTotals:
    """What the terminals themselves counted; compared with the log and the read models at the end."""

    outcomes: Counter[str] = field(default_factory=Counter)
    money_fen: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    scan_ms: list[int] = field(default_factory=list)
    payment_ms: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """One finished visit, for the screen."""

    visit: Visit
    at_ms: int
    bill: dict[str, Any] | None
    remark: str


class Terminal:
    """Plays the visits of one lane one after the other, as one counter would serve them."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        clock: Clock,
        *,
        terminal_key: str,
        cashier_key: str,
        totals: TerminalTotals,
        tell: Callable[[Finished], None],
    ) -> None:
        self._client = client
        self._clock = clock
        self._terminal_key = terminal_key
        self._cashier_key = cashier_key
        self._totals = totals
        self._tell = tell
        self._read_ms = 250

    async def play(self, visits: tuple[Visit, ...]) -> None:
        """Serve everybody in order; a diner is served when both he and the counter are there."""
        free_at_ms = 0
        for visit in visits:
            placed_at_ms = max(visit.arrives_at_ms, free_at_ms)
            await self._sleep_until(placed_at_ms)
            free_at_ms = await self._serve(visit, placed_at_ms)

    async def _serve(self, visit: Visit, placed_at_ms: int) -> int:
        checkout = f"/v1/checkouts/{self._clock.new_id()}"
        read_at_ms = placed_at_ms + self._read_ms
        bill = await self._scan(checkout, visit, placed_at_ms, read_at_ms)
        if isinstance(bill, str):
            self._totals.outcomes[NOTHING_SEEN if visit.photo.portions else NO_DISH] += 1
            return self._done(visit, read_at_ms + visit.deciding_ms, None, _REFUSALS.get(bill, bill))
        self._totals.outcomes[judge_reading(bill, visit.photo.portions)] += 1
        now_ms = read_at_ms + visit.deciding_ms
        remarks: list[str] = []
        if bill["status"] == "held":
            remarks.append("人工确认")
            bill = await self._settle_doubts(checkout, bill, visit, now_ms)
            if bill["status"] != "voided":
                bill, mended = await self._look_over(checkout, bill, visit, now_ms)
                remarks += [f"改正{mended}处"] if mended else []
            now_ms += visit.deciding_ms
            if bill["status"] == "voided":
                return self._done(visit, now_ms, bill, "全部菜品不在今日菜单，已退回")
        if visit.credential is not None:
            shown = await self._post(
                f"{checkout}/identification",
                {
                    "credential": {"kind": visit.credential.kind.value, "number": visit.credential.number},
                    "occurred_at_ms": now_ms,
                },
            )
            if isinstance(shown, str):
                remarks.append(_REFUSALS.get(shown, shown))
            else:
                bill = shown
        paid_at_ms = now_ms + visit.paying_ms
        bill, remark = await self._pay(checkout, bill, visit, now_ms, paid_at_ms)
        remarks += [remark] if remark else []
        self._count(bill)
        if visit.asks_refund:
            refunded = await self._post(
                f"{checkout}/refunds",
                {
                    "item_ids": [bill["items"][0]["item_id"]],
                    "reason": "菜品退回",
                    "occurred_at_ms": paid_at_ms + 500,
                },
                staff=True,
            )
            if not isinstance(refunded, str):
                bill = refunded
                self._totals.money_fen["refunded"] += bill["refunded_fen"]
                remarks.append("退一道菜")
        leaves_at_ms = paid_at_ms + 1_000
        await self._post(f"{checkout}/removal", {"occurred_at_ms": leaves_at_ms})
        return self._done(visit, leaves_at_ms, bill, "，".join(remarks))

    async def _scan(self, checkout: str, visit: Visit, placed_at_ms: int, read_at_ms: int) -> dict[str, Any] | str:
        photo = await asyncio.to_thread(visit.photo.path.read_bytes)
        began_ns = monotonic_ns()
        answer = await self._send(
            "POST",
            f"{checkout}/scans",
            key=self._terminal_key,
            files={"photo": ("tray.jpg", photo, "image/jpeg")},
            data={"placed_at_ms": str(placed_at_ms), "occurred_at_ms": str(read_at_ms)},
        )
        took_ms = (monotonic_ns() - began_ns) // 1_000_000
        if isinstance(answer, str):
            return answer
        # The next diner of this lane waits as long for the reading as this one did.
        self._read_ms = min(took_ms, 2_000)
        self._totals.scan_ms.append(took_ms)
        return answer

    async def _settle_doubts(self, checkout: str, bill: dict[str, Any], visit: Visit, at_ms: int) -> dict[str, Any]:
        """Let the diner choose a look-alike, or the cashier name the dish or take it off the bill."""
        for item in bill["items"]:
            if item["status"] == "accepted":
                continue
            portion = portion_at(item, visit.photo.portions)
            offered = {candidate["dish_id"] for candidate in item["candidates"]}
            if portion is None or portion.off_menu:
                reason = "今日菜单没有此菜" if portion else "不是菜品"
                if len(bill["items"]) == 1:
                    body = {"reason": reason, "occurred_at_ms": at_ms}
                    return await self._must(f"{checkout}/void", body, staff=True)
                bill = await self._must(
                    f"{checkout}/items/{item['item_id']}/removal",
                    {"reason": reason, "occurred_at_ms": at_ms},
                    staff=True,
                )
            else:
                by_diner = item["status"] == "uncertain" and portion.dish_id in offered
                bill = await self._must(
                    f"{checkout}/corrections",
                    {"item_id": item["item_id"], "dish_id": portion.dish_id, "occurred_at_ms": at_ms},
                    staff=not by_diner,
                )
        return bill

    async def _look_over(
        self, checkout: str, bill: dict[str, Any], visit: Visit, at_ms: int
    ) -> tuple[dict[str, Any], int]:
        """Let the cashier who was called compare the whole bill with the tray; return it and how much was mended."""
        on_tray = Counter(portion.dish_id for portion in visit.photo.portions if not portion.off_menu)
        on_bill = Counter(item["dish_id"] for item in bill["items"])
        for dish_id in (on_tray - on_bill).elements():
            added = {"dish_id": dish_id, "reason": "漏识", "occurred_at_ms": at_ms}
            bill = await self._must(f"{checkout}/items", added, staff=True)
        surplus = on_bill - on_tray
        for dish_id in surplus.elements():
            item_id = next(item["item_id"] for item in reversed(bill["items"]) if item["dish_id"] == dish_id)
            reason = {"reason": "多识", "occurred_at_ms": at_ms}
            if len(bill["items"]) == 1:
                bill = await self._must(f"{checkout}/void", reason, staff=True)
            else:
                bill = await self._must(f"{checkout}/items/{item_id}/removal", reason, staff=True)
        return bill, (on_tray - on_bill).total() + surplus.total()

    async def _pay(
        self, checkout: str, bill: dict[str, Any], visit: Visit, started_at_ms: int, paid_at_ms: int
    ) -> tuple[dict[str, Any], str]:
        """Pay as planned; if the account does not allow it, pay in cash, with the same benefit."""
        tender, remark = visit.tender, ""
        if tender in {Tender.FACE, Tender.WALLET} and not bill["diner"]["identified"]:
            tender = Tender.CASH
        began_ns = monotonic_ns()
        body = self._payment_body(tender, bill, visit, started_at_ms, paid_at_ms)
        key = self._clock.new_id()
        paid = await self._post(f"{checkout}/payment", body, command_id=key)
        if isinstance(paid, str):
            remark = _REFUSALS.get(paid, paid)
            body = self._payment_body(Tender.CASH, bill, visit, started_at_ms, paid_at_ms)
            key = self._clock.new_id()
            paid = await self._must(f"{checkout}/payment", body, command_id=key)
        self._totals.payment_ms.append((monotonic_ns() - began_ns) // 1_000_000)
        if visit.loses_acknowledgement:
            # As after a lost answer: the same request again must give the same bill and charge nothing.
            again = await self._must(f"{checkout}/payment", body, command_id=key)
            self._totals.outcomes["payments sent twice"] += 1
            if again != paid:
                raise RuntimeError(f"a repeated payment was answered differently: {again} instead of {paid}")
        return paid, remark

    def _payment_body(
        self, tender: Tender, bill: dict[str, Any], visit: Visit, started_at_ms: int, paid_at_ms: int
    ) -> dict[str, Any]:
        body: dict[str, Any] = {
            "tender": tender.value,
            "amount_fen": bill["due_fen"],
            "pay_started_at_ms": started_at_ms,
            "occurred_at_ms": paid_at_ms,
        }
        if tender is Tender.FACE:
            assert visit.credential is not None
            body["token"] = visit.credential.number
        elif tender in _ACQUIRERS:
            body |= {"acquirer": _ACQUIRERS[tender], "reference": self._clock.new_id()}
        elif tender is Tender.CASH:
            body["received_fen"] = -(-bill["due_fen"] // 500) * 500
        return body

    def _count(self, bill: dict[str, Any]) -> None:
        self._totals.outcomes["bills paid"] += 1
        money = self._totals.money_fen
        money["gross"] += bill["gross_fen"]
        money["discount"] += bill["discount_fen"]
        money["subsidy"] += bill["subsidy_fen"]
        money["own"] += bill["due_fen"]

    def _done(self, visit: Visit, at_ms: int, bill: dict[str, Any] | None, remark: str) -> int:
        self._tell(Finished(visit=visit, at_ms=at_ms, bill=bill, remark=remark))
        return at_ms

    # --- HTTP ---------------------------------------------------------------------------------------------------

    async def _must(
        self, path: str, body: dict[str, Any], *, staff: bool = False, command_id: str | None = None
    ) -> dict[str, Any]:
        answer = await self._post(path, body, staff=staff, command_id=command_id)
        if isinstance(answer, str):
            raise RuntimeError(f"{path} was refused: {answer}")
        return answer

    async def _post(
        self, path: str, body: dict[str, Any], *, staff: bool = False, command_id: str | None = None
    ) -> dict[str, Any] | str:
        key = self._cashier_key if staff else self._terminal_key
        return await self._send("POST", path, key=key, command_id=command_id, json=body)

    async def _send(
        self, method: str, path: str, *, key: str, command_id: str | None = None, **content: Any
    ) -> dict[str, Any] | str:
        """Return the answer, or the code of the problem; busy answers are tried again with the same id."""
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": command_id or self._clock.new_id()}
        for _ in range(_TRIES):
            response = await self._client.request(method, path, headers=headers, **content)
            if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
                self._totals.refusals["busy, tried again"] += 1
                await asyncio.sleep(int(response.headers.get("Retry-After", "1")))
                continue
            answer: dict[str, Any] = response.json()
            if response.is_success:
                return answer
            if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR or "code" not in answer:
                raise RuntimeError(f"{method} {path} failed: {response.status_code} {response.text}")
            self._totals.refusals[str(answer["code"])] += 1
            return str(answer["code"])
        raise RuntimeError(f"{method} {path} was answered busy {_TRIES} times")

    async def _sleep_until(self, at_ms: int) -> None:
        ahead_ms = at_ms - self._clock.now_ms()
        if ahead_ms > 0:
            await asyncio.sleep(ahead_ms / 1000 / self._clock.speed)


_REFUSALS: Final = {
    "empty_tray": "没有看到菜品，请放好餐盘",
    "credential_blocked": "卡已挂失",
    "credential_expired": "卡已过期",
    "credential_unknown": "凭证未登记",
    "insufficient_funds": "余额不足，改付现金",
    "invalid_value": "超过刷脸限额，改付现金",
}


def judge_reading(bill: Mapping[str, Any], portions: Sequence[Portion]) -> str:
    """Say what a reading came to, before any person touched it, compared with what really is on the tray.

    A bill that shows by itself is right only if it has every portion, each as often as it stands there: a second
    portion that was missed is a free lunch, and a dish that is not sold today was charged as another one.
    """
    if bill["status"] == "held":
        return HANDED_OVER
    on_bill = Counter(item["dish_id"] for item in bill["items"])
    return RIGHT if on_bill == Counter(portion.dish_id for portion in portions) else SILENTLY_WRONG


def portion_at(item: dict[str, Any], portions: tuple[Portion, ...]) -> Portion | None:
    """Return the portion that an item's box shows, or None if there is none at that place."""
    if item["box"] is None:
        return None
    box = Box(**item["box"])
    best = max(portions, key=lambda portion: _overlap(box, portion.box), default=None)
    return best if best is not None and _overlap(box, best.box) >= _SAME_PLACE else None


def _overlap(a: Box, b: Box) -> float:
    """Return the intersection over union of two boxes, 0 to 1."""
    width_px = min(a.right_px, b.right_px) - max(a.left_px, b.left_px)
    height_px = min(a.bottom_px, b.bottom_px) - max(a.top_px, b.top_px)
    if width_px <= 0 or height_px <= 0:
        return 0.0
    shared = width_px * height_px
    return shared / (_area(a) + _area(b) - shared)


def _area(box: Box) -> int:
    return (box.right_px - box.left_px) * (box.bottom_px - box.top_px)
