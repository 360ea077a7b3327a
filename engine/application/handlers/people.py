"""Residents, their credentials and their wallets."""

from engine.application.decision import Decision, States, StreamAppend
from engine.application.vault import PersonVault
from engine.deciders import credential, resident, wallet
from engine.domain import commands, ids
from engine.domain.events import Event


class PeopleHandlers:
    """Handlers of what happens at the counter and in the office to a person's records."""

    def __init__(self, vault: PersonVault) -> None:
        self._vault = vault

    def register(self, command: commands.RegisterResident, states: States) -> Decision:
        """Seal a person's record; the same record again changes nothing."""
        stream = ids.resident_stream(command.resident_id)
        state = states.get(resident.RESIDENT, stream)
        known = self._vault.open_record(command.resident_id, state.sealed) if state.sealed is not None else None
        events: tuple[Event, ...] = ()
        if known != command.record:
            sealed = self._vault.seal(command.resident_id, command.record)
            events = resident.decide_registration(state, command, sealed)
        return Decision(
            appends=_appends(StreamAppend(stream_type=resident.RESIDENT, stream=stream, events=events)),
            answer={"resident_id": command.resident_id, "changed": bool(events)},
        )

    def issue_credential(self, command: commands.IssueCredential, states: States) -> Decision:
        """Give a registered person a credential."""
        resident.require_registered(
            states.get(resident.RESIDENT, ids.resident_stream(command.resident_id)), command.resident_id
        )
        stream = ids.credential_stream(command.credential_id)
        events = credential.decide_issue(states.get(credential.CREDENTIAL, stream), command)
        return Decision(
            appends=_appends(StreamAppend(stream_type=credential.CREDENTIAL, stream=stream, events=events)),
            answer={"credential_id": command.credential_id, "changed": bool(events)},
        )

    def block_credential(self, command: commands.BlockCredential, states: States) -> Decision:
        """Block a lost card, or a face whose consent was withdrawn."""
        stream = ids.credential_stream(command.credential_id)
        events = credential.decide_block(states.get(credential.CREDENTIAL, stream), command)
        return Decision(
            appends=_appends(StreamAppend(stream_type=credential.CREDENTIAL, stream=stream, events=events)),
            answer={"credential_id": command.credential_id, "changed": bool(events)},
        )

    def top_up(self, command: commands.TopUpWallet, states: States) -> Decision:
        """Add money to a registered person's wallet."""
        resident.require_registered(
            states.get(resident.RESIDENT, ids.resident_stream(command.resident_id)), command.resident_id
        )
        stream = ids.wallet_stream(command.resident_id)
        state = states.get(wallet.WALLET, stream)
        events = wallet.decide_top_up(state, command)
        return Decision(
            appends=_appends(StreamAppend(stream_type=wallet.WALLET, stream=stream, events=events)),
            answer={"resident_id": command.resident_id, "balance_fen": state.balance_fen + command.amount_fen},
        )


def _appends(append: StreamAppend) -> tuple[StreamAppend, ...]:
    return (append,) if append.events else ()
