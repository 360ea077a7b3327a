"""Makes valid tray sessions with the real deciders and rules, for tests and benchmarks of read models."""

from dataclasses import dataclass, field, replace
from datetime import date
from random import Random

from engine.application.decision import StreamAppend
from engine.deciders import checkout as sessions
from engine.deciders import entitlement, wallet
from engine.domain.actor import Actor, Role
from engine.domain.benefit_rule import BenefitRule, FunderPart, Reduction, ReductionKind, Threshold
from engine.domain.bill import BenefitKind, ItemStatus, ScannedItem, Tender
from engine.domain.canteen import Site
from engine.domain.commands import (
    AddDish,
    CorrectDish,
    PayByCard,
    PayByCash,
    PayByFace,
    PayByQr,
    PayByWallet,
    PayCheckout,
    RefundCheckout,
    RemoveDish,
    RemoveTray,
    ScanTray,
    TopUpWallet,
    VoidCheckout,
)
from engine.domain.events import Event, PaymentRefunded, ReadingSource, TopUpSource, VoidCause
from engine.domain.ids import checkout_stream, entitlement_stream, wallet_stream
from engine.domain.menu import DishChoice, Inclusion, Menu, MenuItem, SetMeal, SetSlot
from engine.domain.reading import Box, Candidate, ModelRef, ReadingTimings, TrayReading
from engine.domain.resident import CredentialKind
from engine.policies.benefits import Occasion, apply_rules, assemble_bill, remaining_bill
from engine.policies.offers import apply_offers

STAFF = Actor(role=Role.CASHIER, actor_id="cashier-1")
TERMINAL = Actor(role=Role.TERMINAL, actor_id="terminal-1")
SYSTEM = Actor(role=Role.SYSTEM, actor_id="timeouts")

NOON_MS = 1_795_492_800_000
"""2026-11-24 12:00 in UTC+8."""
DAY = "2026-11-24"

PRICES_FEN = {
    "mifan": 100,
    "doufu": 350,
    "qingcai": 401,
    "hongshaorou": 1250,
    "yu": 1833,
    "tang": 200,
}
MENU = {dish: MenuItem(dish_id=dish, name_zh=dish, name_en=dish, price_fen=price) for dish, price in PRICES_FEN.items()}
WITHOUT_OFFERS = Menu(version=3, items=tuple(MENU.values()), by_dish=MENU)
WITH_OFFERS = replace(
    WITHOUT_OFFERS,
    set_meals=(
        SetMeal(
            offer_id="yu-qingcai",
            title_zh="鱼套餐",
            title_en="Fish and greens",
            price_fen=1999,
            slots=(SetSlot(dishes=DishChoice(dish_ids=("yu",))), SetSlot(dishes=DishChoice(dish_ids=("qingcai",)))),
        ),
    ),
    inclusions=(
        Inclusion(
            offer_id="han-fan",
            title_zh="含米饭",
            title_en="Rice included",
            mains=DishChoice(dish_ids=("hongshaorou", "yu")),
            included=DishChoice(dish_ids=("mifan",)),
        ),
    ),
)
"""The same dishes; rice comes free with pork and fish, fish with greens is a set meal."""

DISCOUNT = BenefitRule(
    rule_id="elder-85",
    version=2,
    title_zh="85折",
    title_en="15 % off",
    source="example",
    kind=BenefitKind.DISCOUNT,
    stage=10,
    effective_from=date(2026, 1, 1),
    reduction=Reduction(kind=ReductionKind.PERCENTAGE, rate_bps=1_500),
)
SUBSIDY = BenefitRule(
    rule_id="street-15-3",
    version=1,
    title_zh="满15减3",
    title_en="3 off from 15",
    source="example",
    kind=BenefitKind.SUBSIDY,
    stage=20,
    effective_from=date(2026, 1, 1),
    reduction=Reduction(kind=ReductionKind.FIXED, amount_fen=300),
    threshold=Threshold(amount_fen=1_500),
    funders=(FunderPart(funder_id="city", rate_bps=3_333), FunderPart(funder_id="street", residual=True)),
)
RULES = {rule.rule_id: rule for rule in (DISCOUNT, SUBSIDY)}

Group = tuple[StreamAppend, ...]
"""What is appended together or not at all."""

Portion = tuple[str, ItemStatus]


def portions(*dishes: str, unsure: int = 0) -> tuple[Portion, ...]:
    """Name accepted portions, the last `unsure` of which are uncertain."""
    sure = len(dishes) - unsure
    return tuple(
        (dish, ItemStatus.ACCEPTED if number < sure else ItemStatus.UNCERTAIN) for number, dish in enumerate(dishes)
    )


@dataclass
class Lunch:
    """A lunch in progress. Each method lets one thing happen at `now_ms` and returns what was appended."""

    canteen_id: str = "caoyang-1"
    business_day: str = DAY
    menu: Menu = WITHOUT_OFFERS
    now_ms: int = NOON_MS
    groups: list[Group] = field(default_factory=list)
    checkouts: dict[str, sessions.CheckoutState] = field(default_factory=dict)
    wallets: dict[str, wallet.Wallet] = field(default_factory=dict)
    lanes: dict[str, str] = field(default_factory=dict)
    commands: int = 0

    def top_up(self, resident_id: str, amount_fen: int) -> Group:
        """Pay money into a wallet."""
        command = TopUpWallet(
            **self._said(STAFF), resident_id=resident_id, amount_fen=amount_fen, source=TopUpSource.CASH
        )
        return self._append(self._moved_wallet(resident_id, wallet.decide_top_up(self._wallet(resident_id), command)))

    def scan(
        self, checkout_id: str, placed: tuple[Portion, ...], *, lane_id: str = "lane-1", took_ms: int = 700
    ) -> Group:
        """Read a tray that was placed `took_ms` ago."""
        state = self.checkouts.get(checkout_id, sessions.Empty())
        lane_id = self.lanes.setdefault(checkout_id, lane_id)
        command = ScanTray(
            **self._said(TERMINAL),
            checkout_id=checkout_id,
            canteen_id=self.canteen_id,
            lane_id=lane_id,
            placed_at_ms=self.now_ms - took_ms,
            source=ReadingSource.SERVER,
            menu_version=None,
            reading=TrayReading(
                photo_sha256="a" * 64,
                width_px=1280,
                height_px=960,
                sightings=(),
                models=(ModelRef(name="detector", sha256="b" * 64), ModelRef(name="embedder", sha256="c" * 64)),
                timings=ReadingTimings(decode_us=9_000, detect_us=60_000, embed_us=45_000, match_us=400),
            ),
        )
        items = tuple(
            ScannedItem(
                item_id=number,
                status=status,
                dish_id="" if status is ItemStatus.UNKNOWN else dish,
                price_fen=0 if status is ItemStatus.UNKNOWN else PRICES_FEN[dish],
                confidence_bps=9_100,
                detector_bps=8_800,
                box=Box(left_px=10 * number, top_px=20, right_px=10 * number + 200, bottom_px=240),
                candidates=tuple(
                    Candidate(dish_id=other, similarity_bps=9_000 - 900 * rank)
                    for rank, other in enumerate((dish, *[d for d in PRICES_FEN if d != dish][:2]))
                ),
            )
            for number, (dish, status) in enumerate(placed, start=1)
        )
        site = Site(canteen_id=self.canteen_id, lane_id=lane_id, business_day=self.business_day, meal_period="lunch")
        events = sessions.decide_scan(
            state, command, site=site, menu_version=3, acceptance_policy="example", items=items
        )
        return self._append(self._moved_checkout(checkout_id, events))

    def correct(self, checkout_id: str, item_id: int, dish_id: str) -> Group:
        """Say what an item is."""
        command = CorrectDish(**self._said(STAFF), checkout_id=checkout_id, item_id=item_id, dish_id=dish_id)
        events = sessions.decide_correction(self._checkout(checkout_id), command, MENU)
        return self._append(self._moved_checkout(checkout_id, events))

    def add(self, checkout_id: str, dish_id: str) -> Group:
        """Add an item."""
        command = AddDish(**self._said(STAFF), checkout_id=checkout_id, dish_id=dish_id)
        events = sessions.decide_addition(self._checkout(checkout_id), command, MENU)
        return self._append(self._moved_checkout(checkout_id, events))

    def remove(self, checkout_id: str, item_id: int) -> Group:
        """Take an item off."""
        command = RemoveDish(**self._said(STAFF), checkout_id=checkout_id, item_id=item_id)
        events = sessions.decide_removal_of_dish(self._checkout(checkout_id), command)
        return self._append(self._moved_checkout(checkout_id, events))

    def identify(self, checkout_id: str, resident_id: str) -> Group:
        """Show a card."""
        events = sessions.decide_identification(
            self._checkout(checkout_id),
            at_ms=self.now_ms,
            by=TERMINAL,
            resident_id=resident_id,
            credential_kind=CredentialKind.ELDER_CARD,
        )
        return self._append(self._moved_checkout(checkout_id, events))

    def pay(self, checkout_id: str, tender: Tender = Tender.CASH, *, took_ms: int = 4_000) -> Group:
        """Pay the whole bill, with benefits if the diner is known."""
        state = sessions.require_payable(self._checkout(checkout_id))
        resident_id = state.diner.resident_id if state.diner else ""
        offers = apply_offers(state.items, self.menu)
        lines = state.priced_lines(offers)
        occasion = Occasion(
            canteen_id=self.canteen_id,
            street="caoyang",
            district="putuo",
            business_day=date.fromisoformat(self.business_day),
            meal_period="lunch",
        )
        gross_fen = sum(line.price_fen for line in lines)
        benefits = apply_rules(gross_fen, tuple(RULES.values()), occasion, ()) if resident_id else ()
        bill = assemble_bill(lines, benefits)
        said = {
            **self._said(TERMINAL),
            "checkout_id": checkout_id,
            "amount_fen": bill.own_fen,
            "pay_started_at_ms": self.now_ms - took_ms,
        }
        command: PayCheckout
        match tender:
            case Tender.FACE:
                command = PayByFace(**said, credential_id="token")
            case Tender.CARD:
                command = PayByCard(**said, acquirer="bank", acquirer_reference=f"card-{self.commands}")
            case Tender.QR:
                command = PayByQr(**said, acquirer="pay", acquirer_reference=f"qr-{self.commands}")
            case Tender.WALLET:
                command = PayByWallet(**said)
            case Tender.CASH:
                command = PayByCash(**said, received_fen=bill.own_fen + 500)
        events = sessions.decide_payment(
            state, command, bill=bill, offers=offers, face_consent_id="consent", payer_resident_id=resident_id
        )
        charged: tuple[Event, ...] = ()
        if tender in {Tender.FACE, Tender.WALLET}:
            charged = wallet.decide_charge(
                self._wallet(resident_id),
                at_ms=self.now_ms,
                by=TERMINAL,
                resident_id=resident_id,
                checkout_id=checkout_id,
                canteen_id=self.canteen_id,
                amount_fen=bill.own_fen,
            )
        used = entitlement.decide_use(
            at_ms=self.now_ms,
            by=TERMINAL,
            resident_id=resident_id,
            checkout_id=checkout_id,
            site=state.site,
            benefits=benefits,
        )
        return self._append(
            self._moved_checkout(checkout_id, events),
            self._moved_wallet(resident_id, charged),
            _used(resident_id, used),
        )

    def take_away(self, checkout_id: str) -> Group:
        """Remove the paid tray."""
        command = RemoveTray(**self._said(TERMINAL), checkout_id=checkout_id)
        events = sessions.decide_removal_of_tray(self._checkout(checkout_id), command)
        return self._append(self._moved_checkout(checkout_id, events))

    def void(self, checkout_id: str) -> Group:
        """Give the session up."""
        command = VoidCheckout(**self._said(SYSTEM), checkout_id=checkout_id, cause=VoidCause.TIMEOUT, reason="")
        events = sessions.decide_void(self._checkout(checkout_id), command)
        return self._append(self._moved_checkout(checkout_id, events))

    def refund(self, checkout_id: str, *item_ids: int) -> Group:
        """Give back the money of some items, or of all."""
        command = RefundCheckout(**self._said(STAFF), checkout_id=checkout_id, item_ids=item_ids, reason="wrong dish")
        state, kept_ids = sessions.require_refundable(self._checkout(checkout_id), command)
        rules = [RULES[benefit.rule_id] for benefit in state.remaining.benefits]
        kept = remaining_bill(state.remaining, kept_ids, rules)
        events = sessions.decide_refund(state, command, kept=kept)
        (refund,) = events
        assert isinstance(refund, PaymentRefunded)
        returned: tuple[Event, ...] = ()
        if refund.tender in {Tender.FACE, Tender.WALLET}:
            returned = wallet.decide_refund_to_wallet(
                self._wallet(refund.resident_id),
                at_ms=self.now_ms,
                by=STAFF,
                resident_id=refund.resident_id,
                checkout_id=checkout_id,
                canteen_id=self.canteen_id,
                amount_fen=refund.reversal.own_fen,
            )
        restored = entitlement.decide_restoration(
            at_ms=self.now_ms,
            by=STAFF,
            resident_id=refund.resident_id,
            checkout_id=checkout_id,
            site=state.site,
            benefits=refund.reversal.benefits,
        )
        return self._append(
            self._moved_checkout(checkout_id, events),
            self._moved_wallet(refund.resident_id, returned),
            _used(refund.resident_id, restored),
        )

    def _said(self, by: Actor) -> dict[str, object]:
        self.commands += 1
        return {"command_id": f"command-{self.commands}", "at_ms": self.now_ms, "by": by}

    def _checkout(self, checkout_id: str) -> sessions.CheckoutState:
        return self.checkouts.get(checkout_id, sessions.Empty())

    def _wallet(self, resident_id: str) -> wallet.Wallet:
        return self.wallets.get(resident_id, wallet.Wallet())

    def _moved_checkout(self, checkout_id: str, events: tuple[Event, ...]) -> StreamAppend:
        state = self._checkout(checkout_id)
        for event in events:
            state = sessions.evolve(state, event)
        self.checkouts[checkout_id] = state
        return StreamAppend(stream_type=sessions.CHECKOUT, stream=checkout_stream(checkout_id), events=events)

    def _moved_wallet(self, resident_id: str, events: tuple[Event, ...]) -> StreamAppend:
        state = self._wallet(resident_id)
        for event in events:
            state = wallet.evolve(state, event)
        self.wallets[resident_id] = state
        return StreamAppend(stream_type=wallet.WALLET, stream=wallet_stream(resident_id), events=events)

    def _append(self, *appends: StreamAppend) -> Group:
        group = tuple(append for append in appends if append.events)
        if group:
            self.groups.append(group)
        return group


def _used(resident_id: str, events: tuple[Event, ...]) -> StreamAppend:
    stream = entitlement_stream(resident_id)
    return StreamAppend(stream_type=entitlement.ENTITLEMENT, stream=stream, events=events)


def serve(lunch: Lunch, random: Random, checkout_id: str, lane_id: str, residents: int = 200) -> None:
    """Let one tray session happen as it does at noon: mostly plain, now and then a hand-off, a void or a refund."""
    dishes = random.choices(list(PRICES_FEN), k=random.randint(2, 5))
    unsure = 1 if random.random() < 0.08 else 0
    lunch.now_ms += random.randint(300, 1_500)
    lunch.scan(checkout_id, portions(*dishes, unsure=unsure), lane_id=lane_id, took_ms=random.randint(300, 1_200))
    lunch.now_ms += random.randint(1_000, 4_000)
    if unsure:
        lunch.correct(checkout_id, len(dishes), dishes[-1])
    if random.random() < 0.01:
        lunch.void(checkout_id)
        return
    resident_id = f"resident-{random.randrange(residents):04d}" if random.random() < 0.85 else ""
    tenders = [Tender.CASH, Tender.QR, Tender.CARD]
    if resident_id:
        lunch.identify(checkout_id, resident_id)
        tenders += [Tender.FACE, Tender.FACE, Tender.WALLET]
    tender = random.choice(tenders)
    if tender in {Tender.FACE, Tender.WALLET} and lunch._wallet(resident_id).balance_fen < 8_000:
        lunch.top_up(resident_id, 50_000)
    lunch.now_ms += random.randint(1_000, 5_000)
    lunch.pay(checkout_id, tender, took_ms=random.randint(500, 4_000))
    lunch.now_ms += random.randint(500, 2_000)
    lunch.take_away(checkout_id)
    if random.random() < 0.01:
        lunch.refund(checkout_id, *([1] if random.random() < 0.7 else []))
