"""Everything that happens to a tray at a lane."""

from collections.abc import Callable
from datetime import date
from typing import Any

from engine.application.decision import Decision, States, StreamAppend
from engine.application.description import Quotation, describe_checkout
from engine.application.handlers.galleries import attached
from engine.application.vault import PersonVault
from engine.deciders import acceptance, canteen, checkout, credential, entitlement, menu, resident, wallet
from engine.deciders.checkout import CHECKOUT, CheckoutState, Scanned
from engine.deciders.entitlement import ENTITLEMENT
from engine.deciders.gallery import GALLERY, decide_learning
from engine.deciders.rulebook import RULEBOOK
from engine.deciders.stream_type import StreamType
from engine.deciders.wallet import WALLET
from engine.domain import commands, ids
from engine.domain.bill import Tender
from engine.domain.canteen import CanteenProfile, Site
from engine.domain.errors import NotPermittedError, UnknownCheckoutError
from engine.domain.events import Event, ExemplarProposed
from engine.domain.menu import Menu, MenuItem
from engine.domain.resident import CredentialKind, EntitlementFacts
from engine.policies.acceptance import AcceptancePolicy
from engine.policies.benefits import Occasion, compute_bill, remaining_bill
from engine.policies.learning import LEARNING
from engine.policies.offers import apply_offers
from engine.policies.pricing import price_reading


def occasion_of(site: Site, profile: CanteenProfile) -> Occasion:
    """Return what benefit rules may ask about where and when a meal is."""
    return Occasion(
        canteen_id=site.canteen_id,
        street=profile.street,
        district=profile.district,
        business_day=date.fromisoformat(site.business_day),
        meal_period=site.meal_period,
    )


def facts_of(states: States, vault: PersonVault, resident_id: str) -> EntitlementFacts | None:
    """Open a resident's facts for one decision; None for nobody, or for a person who was erased."""
    sealed = states.get(resident.RESIDENT, ids.resident_stream(resident_id)).sealed if resident_id else None
    record = vault.open_record(resident_id, sealed) if sealed is not None else None
    return record.facts if record else None


def quote(states: States, vault: PersonVault, session: checkout.OpenCheckout) -> Quotation:
    """Compute the bill of an open session as it would be paid now, with the offers of the menu in force now."""
    profile = states.get(canteen.CANTEEN, ids.canteen_stream(session.site.canteen_id)).profile
    assert profile is not None, "a session is opened at a known canteen only"
    resident_id = session.diner.resident_id if session.diner else ""
    uses = states.get(ENTITLEMENT, ids.entitlement_stream(resident_id)).counted() if resident_id else ()
    offers = apply_offers(session.items, _menu_at(states, session.site))
    bill = compute_bill(
        session.priced_lines(offers),
        states.get(RULEBOOK, ids.RULEBOOK_STREAM).rules,
        occasion_of(session.site, profile),
        facts_of(states, vault, resident_id),
        uses,
    )
    return Quotation(bill=bill, offers=offers)


class TraySessionHandlers:
    """Handlers of the commands on one tray session; every answer is the bill as it stands afterwards."""

    def __init__(self, vault: PersonVault, acceptance: AcceptancePolicy) -> None:
        self._vault = vault
        self._acceptance = acceptance

    def scan(self, command: commands.ScanTray, states: States) -> Decision:
        """Price a reading with the menu in force at the time of the scan."""
        profile = canteen.require_profile(
            states.get(canteen.CANTEEN, ids.canteen_stream(command.canteen_id)), command.canteen_id
        )
        site = canteen.site_at(profile, command.lane_id, command.at_ms)
        in_force = menu.require_menu(_menu_at(states, site), site, command.menu_version)
        own = states.get(acceptance.ACCEPTANCE, ids.acceptance_stream(command.canteen_id))
        policy = own.policy_for(command.reading.models) or self._acceptance
        state = self._session(states, command.checkout_id)
        events = checkout.decide_scan(
            state,
            command,
            site=site,
            menu_version=in_force.version,
            acceptance_policy=policy.policy_id,
            items=price_reading(command.reading, in_force.by_dish, policy),
        )
        return self._decided(states, command.checkout_id, state, events)

    def correct(self, command: commands.CorrectDish, states: States) -> Decision:
        """Say what an item is; the canteen's gallery may learn from it in the same append."""
        state = self._known_session(states, command.checkout_id)
        sold = _menu_at(states, state.site).by_dish
        events = checkout.decide_correction(state, command, sold)
        learnt, attachments = _learnt(states, state.site, command, sold[command.dish_id])
        stream = ids.gallery_stream(state.site.canteen_id)
        return self._decided(
            states,
            command.checkout_id,
            state,
            events,
            _append(GALLERY, stream, learnt),
            attachments=attachments,
        )

    def add(self, command: commands.AddDish, states: States) -> Decision:
        """Add an item that was not seen."""
        state = self._known_session(states, command.checkout_id)
        events = checkout.decide_addition(state, command, _menu_at(states, state.site).by_dish)
        return self._decided(states, command.checkout_id, state, events)

    def remove(self, command: commands.RemoveDish, states: States) -> Decision:
        """Take an item off the bill."""
        state = self._known_session(states, command.checkout_id)
        return self._decided(states, command.checkout_id, state, checkout.decide_removal_of_dish(state, command))

    def identify(self, command: commands.IdentifyDiner, states: States) -> Decision:
        """Find out who the diner is; the answer shows the bill with the benefits that follow."""
        state = self._known_session(states, command.checkout_id)
        events = self._identified(states, state, command.credential_id, command)[0]
        return self._decided(states, command.checkout_id, state, events)

    def pay(self, command: commands.PayCheckout, states: States) -> Decision:
        """Take a payment that does not touch the wallet: card, QR or cash."""
        return self._paid(states, command, self._known_session(states, command.checkout_id), ())

    def pay_by_wallet(self, command: commands.PayByWallet, states: States) -> Decision:
        """Take the bill from the identified diner's wallet."""
        return self._paid(states, command, self._known_session(states, command.checkout_id), (), from_wallet=True)

    def pay_by_face(self, command: commands.PayByFace, states: States) -> Decision:
        """Take the bill from the wallet of the person whose face it is, identifying the diner on the way.

        Source: decision E6.
        """
        state = self._known_session(states, command.checkout_id)
        session = checkout.require_payable(state)
        events: tuple[Event, ...] = ()
        if session.diner is None:
            events, issued = self._identified(states, state, command.credential_id, command)
        else:
            issued = self._valid_credential(states, session.site, command.credential_id)
        if issued.kind is not CredentialKind.FACE:
            raise NotPermittedError("Only a face pays at a glance. Identify with the card, then pay from the wallet.")
        return self._paid(
            states,
            command,
            _evolved(state, events),
            events,
            from_wallet=True,
            face_consent_id=issued.consent_id,
            payer_resident_id=issued.resident_id,
        )

    def remove_tray(self, command: commands.RemoveTray, states: States) -> Decision:
        """Record that the paid tray left the counter."""
        state = self._known_session(states, command.checkout_id)
        return self._decided(states, command.checkout_id, state, checkout.decide_removal_of_tray(state, command))

    def void(self, command: commands.VoidCheckout, states: States) -> Decision:
        """End an open session without payment."""
        state = self._known_session(states, command.checkout_id)
        return self._decided(states, command.checkout_id, state, checkout.decide_void(state, command))

    def refund(self, command: commands.RefundCheckout, states: States) -> Decision:
        """Give money back from the original postings, to the wallet it came from and to the caps it used."""
        state = self._known_session(states, command.checkout_id)
        settled, kept_item_ids = checkout.require_refundable(state, command)
        book = states.get(RULEBOOK, ids.RULEBOOK_STREAM)
        applied = [book.exact(benefit.rule_id, benefit.rule_version) for benefit in settled.remaining.benefits]
        (refunded,) = checkout.decide_refund(
            state, command, kept=remaining_bill(settled.remaining, kept_item_ids, applied)
        )
        facts: dict[str, Any] = {
            "at_ms": command.at_ms,
            "by": command.by,
            "resident_id": settled.resident_id,
            "checkout_id": command.checkout_id,
        }
        to_wallet: tuple[Event, ...] = ()
        if settled.tender in {Tender.FACE, Tender.WALLET}:
            to_wallet = wallet.decide_refund_to_wallet(
                states.get(WALLET, ids.wallet_stream(settled.resident_id)),
                **facts,
                canteen_id=settled.site.canteen_id,
                amount_fen=refunded.reversal.own_fen,
            )
        restored = entitlement.decide_restoration(**facts, site=settled.site, benefits=refunded.reversal.benefits)
        return self._decided(
            states,
            command.checkout_id,
            state,
            (refunded,),
            _append(WALLET, ids.wallet_stream(settled.resident_id), to_wallet),
            _append(ENTITLEMENT, ids.entitlement_stream(settled.resident_id), restored),
        )

    # --- parts ------------------------------------------------------------------------------------------------

    def _paid(
        self,
        states: States,
        command: commands.PayCheckout,
        state: CheckoutState,
        before: tuple[Event, ...],
        *,
        from_wallet: bool = False,
        face_consent_id: str = "",
        payer_resident_id: str = "",
    ) -> Decision:
        session: Scanned = checkout.require_payable(state)
        resident_id = session.diner.resident_id if session.diner else ""
        quotation = quote(states, self._vault, session)
        bill = quotation.bill
        events = checkout.decide_payment(
            state,
            command,
            bill=bill,
            offers=quotation.offers,
            face_consent_id=face_consent_id,
            payer_resident_id=payer_resident_id,
        )
        facts: dict[str, Any] = {
            "at_ms": command.at_ms,
            "by": command.by,
            "resident_id": resident_id,
            "checkout_id": command.checkout_id,
        }
        charged: tuple[Event, ...] = ()
        if from_wallet:
            charged = wallet.decide_charge(
                states.get(WALLET, ids.wallet_stream(resident_id)),
                **facts,
                canteen_id=session.site.canteen_id,
                amount_fen=bill.own_fen,
            )
        used = entitlement.decide_use(**facts, site=session.site, benefits=bill.benefits)
        return self._decided(
            states,
            command.checkout_id,
            state,
            events,
            _append(WALLET, ids.wallet_stream(resident_id), charged),
            _append(ENTITLEMENT, ids.entitlement_stream(resident_id), used),
            before=before,
        )

    def _identified(
        self, states: States, state: CheckoutState, credential_id: str, command: commands.Command
    ) -> tuple[tuple[Event, ...], credential.Issued]:
        issued = self._valid_credential(states, state.site, credential_id)  # type: ignore[union-attr]
        events = checkout.decide_identification(
            state,
            at_ms=command.at_ms,
            by=command.by,
            resident_id=issued.resident_id,
            credential_kind=issued.kind,
        )
        return events, issued

    @staticmethod
    def _valid_credential(states: States, site: Site, credential_id: str) -> credential.Issued:
        return credential.require_valid(
            states.get(credential.CREDENTIAL, ids.credential_stream(credential_id)),
            date.fromisoformat(site.business_day),
        )

    @staticmethod
    def _session(states: States, checkout_id: str) -> CheckoutState:
        return states.get(CHECKOUT, ids.checkout_stream(checkout_id))

    def _known_session(self, states: States, checkout_id: str) -> Any:
        state = self._session(states, checkout_id)
        if isinstance(state, checkout.Empty):
            raise UnknownCheckoutError("No tray was scanned under this id. Scan the tray first.")
        return state

    def _decided(
        self,
        states: States,
        checkout_id: str,
        state: CheckoutState,
        events: tuple[Event, ...],
        *others: StreamAppend | None,
        before: tuple[Event, ...] = (),
        attachments: dict[str, bytes] | None = None,
    ) -> Decision:
        """Put the appends together; the answer is described on the states as they will be."""
        stream = ids.checkout_stream(checkout_id)
        appends = tuple(
            append for append in (_append(CHECKOUT, stream, (*before, *events)), *others) if append is not None
        )
        after = _StatesAfter(states, {stream: _evolved(state, events)}, appends)
        answer = describe_checkout(checkout_id, after, self._quote)
        return Decision(appends=appends, answer=answer, attachments=attachments or {})

    def _quote(self, states: States, session: checkout.OpenCheckout) -> Quotation:
        return quote(states, self._vault, session)


class _StatesAfter:
    """States with the appends of one decision already applied."""

    def __init__(self, states: States, known: dict[str, Any], appends: tuple[StreamAppend, ...]) -> None:
        self._states = states
        self._known = known
        self._appends = {append.stream: append for append in appends}

    def get(self, stream_type: StreamType[Any], stream: str) -> Any:
        if stream not in self._known:
            state = self._states.get(stream_type, stream)
            append = self._appends.get(stream)
            self._known[stream] = _evolved(state, append.events, stream_type.evolve) if append else state
        return self._known[stream]


def _evolved(state: Any, events: tuple[Event, ...], evolve: Callable[[Any, Event], Any] = checkout.evolve) -> Any:
    for event in events:
        state = evolve(state, event)
    return state


def _append(stream_type: StreamType[Any], stream: str, events: tuple[Event, ...]) -> StreamAppend | None:
    return StreamAppend(stream_type=stream_type, stream=stream, events=events) if events else None


def _learnt(
    states: States, site: Site, command: commands.CorrectDish, sold: MenuItem
) -> tuple[tuple[Event, ...], dict[str, bytes]]:
    """Return what the gallery learns from a correction, with its vectors and crop. Sizes of a dish look alike."""
    view = command.view
    if view is None:
        return (), {}
    events = decide_learning(
        states.get(GALLERY, ids.gallery_stream(site.canteen_id)),
        view,
        LEARNING,
        at_ms=command.at_ms,
        by=command.by,
        canteen_id=site.canteen_id,
        lane_id=site.lane_id,
        checkout_id=command.checkout_id,
        dish_id=sold.size_of or sold.dish_id,
    )
    proposed = [event.exemplar for event in events if isinstance(event, ExemplarProposed)]
    named = {sha256 for ref in proposed for sha256 in (ref.vectors_sha256, ref.crop_sha256)}
    return events, attached(view.attachments, named)


def _menu_at(states: States, site: Site) -> Menu:
    day = date.fromisoformat(site.business_day)
    return states.get(menu.MENU, ids.menu_stream(site.canteen_id, day, site.meal_period))
