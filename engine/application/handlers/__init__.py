"""Handlers: each loads the states that a command touches, asks the pure deciders, and says what to append.

A payment is ONE append over checkout, wallet and entitlement use: there is no state in which one of them lacks.
"""

from engine.application.decision import Handlers
from engine.application.handlers.catalogue import CatalogueHandlers
from engine.application.handlers.galleries import GalleryHandlers
from engine.application.handlers.people import PeopleHandlers
from engine.application.handlers.tray_session import TraySessionHandlers
from engine.application.vault import PersonVault
from engine.domain import commands
from engine.policies.acceptance import AcceptancePolicy


def build_handlers(vault: PersonVault, acceptance: AcceptancePolicy) -> Handlers:
    """Return the handler of every command.

    Args:
        acceptance: the policy of canteens that have none of their own for the models in use.
    """
    session = TraySessionHandlers(vault, acceptance)
    people = PeopleHandlers(vault)
    catalogue = CatalogueHandlers()
    galleries = GalleryHandlers()
    return {
        commands.ScanTray: session.scan,
        commands.CorrectDish: session.correct,
        commands.AddDish: session.add,
        commands.RemoveDish: session.remove,
        commands.IdentifyDiner: session.identify,
        commands.PayByFace: session.pay_by_face,
        commands.PayByWallet: session.pay_by_wallet,
        commands.PayByCard: session.pay,
        commands.PayByQr: session.pay,
        commands.PayByCash: session.pay,
        commands.RemoveTray: session.remove_tray,
        commands.VoidCheckout: session.void,
        commands.RefundCheckout: session.refund,
        commands.TopUpWallet: people.top_up,
        commands.RegisterResident: people.register,
        commands.IssueCredential: people.issue_credential,
        commands.BlockCredential: people.block_credential,
        commands.OpenCanteen: catalogue.open_canteen,
        commands.PublishMenu: catalogue.publish_menu,
        commands.EnrolDish: galleries.enrol,
        commands.ConfirmExemplars: galleries.confirm,
        commands.RemoveExemplars: galleries.remove,
        commands.UndoGalleryChange: galleries.undo,
        commands.ReembedGallery: galleries.reembed,
        commands.PublishAcceptancePolicy: catalogue.publish_acceptance_policy,
        commands.PublishBenefitRule: catalogue.publish_rule,
        commands.IssueAccessKey: catalogue.issue_key,
        commands.RevokeAccessKey: catalogue.revoke_key,
    }


__all__ = ["build_handlers"]
