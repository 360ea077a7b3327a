"""Residents, their credentials and their wallets."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import msgspec
from starlette.responses import Response

from api import request_errors, schemas
from api.container import Container
from api.request_errors import ImportInvalidError, ParameterInvalidError
from api.resident_import import COLUMNS, Finding, ListedResident, read_residents
from api.routes import examples
from api.routes.call import Call, answered
from api.routes.operation import CSV, KITCHEN, Content, Operation
from api.routes.parameters import filter_by, path_id
from engine.application.command_queue import Answer
from engine.deciders.credential import CREDENTIAL, Blocked, Issued
from engine.domain import commands, errors
from engine.domain.actor import Actor, Role
from engine.domain.calendar import business_day
from engine.domain.events import TopUpSource
from engine.domain.ids import credential_stream

_TAG: Final = "residents"
_AT_ONCE: Final = 64
_MAX_FINDINGS_TOLD: Final = 200
_MAY_BLOCK: Final = frozenset({Role.CASHIER, Role.MANAGER, Role.ADMIN})
_MAY_TOP_UP: Final = frozenset({Role.CASHIER, Role.FINANCE, Role.ADMIN})

_BLOCKING = msgspec.json.Decoder(schemas.CredentialBlocking)
_TOP_UP = msgspec.json.Decoder(schemas.TopUp)


@dataclass(slots=True)
class _Tally:
    """What an import came to."""

    lines: int
    dry_run: bool
    registered: int = 0
    unchanged: int = 0
    credentials: int = 0
    blocked: int = 0
    kept_blocked: int = 0
    wallets_opened: int = 0
    findings: list[Finding] = field(default_factory=list)


async def import_residents(call: Call) -> Response:
    command_id = call.command_id
    dry_run = _yes(call, "dry_run")
    content = await call.body(call.container.settings.import_limit_bytes, CSV)
    at_ms = call.at_ms(None)
    today = business_day(at_ms, call.container.settings.utc_offset_minutes)
    listed = await call.container.read(lambda: read_residents(content, today))
    findings = [
        *listed.findings,
        *await call.container.read(lambda: _taken(call.container, listed.residents)),
    ]
    tally = _Tally(lines=len(listed.residents), dry_run=dry_run)
    if dry_run:
        tally.findings = sorted(findings, key=lambda finding: finding.line)[:_MAX_FINDINGS_TOLD]
        return answered(asdict(tally))
    if findings:
        first = sorted(findings, key=lambda finding: finding.line)[:_MAX_FINDINGS_TOLD]
        raise ImportInvalidError(
            f"{len(findings)} faults in {len({finding.line for finding in findings})} lines; nothing was written. "
            "Correct them and send the file again.",
            faults=len(findings),
            findings=[f"line {finding.line}, {finding.column}: {finding.message}" for finding in first],
        )
    work = _Import(call.container, command_id, at_ms, call.key.actor, hashlib.sha256(content).digest(), tally)
    # The first line carries the client's own key: with another file under the same key, nothing is done at all.
    replayed = await work.take(listed.residents[0], command_id)
    # A list must not push the lanes' commands out of the queue; if they push it out, the same request goes on later.
    at_once = max(1, min(_AT_ONCE, call.container.settings.command_queue_limit // 4))
    for start in range(1, len(listed.residents), at_once):
        await asyncio.gather(
            *(
                work.take(resident, f"{command_id}/{resident.line}")
                for resident in listed.residents[start : start + at_once]
            )
        )
    return answered(asdict(tally), replayed=replayed)


class _Import:
    """Carries out a file that has no faults, line by line; each line may be repeated without harm."""

    def __init__(
        self, container: Container, command_id: str, at_ms: int, by: Actor, file_digest: bytes, tally: _Tally
    ) -> None:
        self._container = container
        self._command_id = command_id
        self._at_ms = at_ms
        self._by = by
        self._file_digest = file_digest
        self._tally = tally

    async def take(self, resident: ListedResident, command_id: str) -> bool:
        """Register one resident with credentials and opening balance; tell whether this was a repetition."""
        vault = self._container.vault
        resident_id = vault.resident_id(resident.record.external_id)
        registered = await self._do(
            commands.RegisterResident(
                command_id=command_id,
                at_ms=self._at_ms,
                by=self._by,
                resident_id=resident_id,
                record=resident.record,
            )
        )
        self._tally.registered += registered.value["changed"]
        self._tally.unchanged += not registered.value["changed"]
        for number, credential in enumerate(resident.credentials):
            credential_id = vault.credential_id(credential.kind, credential.number)
            name = f"{self._command_id}/{resident.line}/{number}"
            try:
                issued = await self._do(
                    commands.IssueCredential(
                        command_id=name,
                        at_ms=self._at_ms,
                        by=self._by,
                        credential_id=credential_id,
                        kind=credential.kind,
                        resident_id=resident_id,
                        valid_until=credential.valid_until,
                        consent_id=credential.consent_id,
                    )
                )
            except errors.CredentialBlockedError:
                # Reported lost before, here or at a counter: a list that is older than that must not bring it back.
                self._tally.kept_blocked += 1
                continue
            self._tally.credentials += issued.value["changed"]
            if credential.lost:
                blocked = await self._do(
                    commands.BlockCredential(
                        command_id=f"{name}/lost",
                        at_ms=self._at_ms,
                        by=self._by,
                        credential_id=credential_id,
                        reason="reported lost in the imported list",
                    )
                )
                self._tally.blocked += blocked.value["changed"]
        if resident.opening_fen:
            await self._open_wallet(resident_id, resident.opening_fen)
        return registered.repeated

    async def _open_wallet(self, resident_id: str, amount_fen: int) -> None:
        """Pay in an opening balance once in a resident's life, whatever later lists say."""
        command = commands.TopUpWallet(
            command_id=f"opening/{resident_id}",
            at_ms=self._at_ms,
            by=self._by,
            resident_id=resident_id,
            amount_fen=amount_fen,
            source=TopUpSource.OPENING,
        )
        answer = await self._container.submit(command, b"opening balance")
        self._tally.wallets_opened += not answer.repeated

    async def _do(self, command: commands.Command) -> Answer:
        # The whole file is the body of every line: the same key with another file is refused from the first line on.
        return await self._container.submit(command, self._file_digest + self._by.actor_id.encode())


def _taken(container: Container, residents: Sequence[ListedResident]) -> list[Finding]:
    """Find credentials that name somebody else already."""
    findings = []
    for resident in residents:
        resident_id = container.vault.resident_id(resident.record.external_id)
        for credential in resident.credentials:
            stream = credential_stream(container.vault.credential_id(credential.kind, credential.number))
            state = container.store.state(CREDENTIAL, stream)
            if isinstance(state, Issued | Blocked) and state.resident_id != resident_id:
                findings.append(
                    Finding(line=resident.line, column=credential.column, message="names another resident already")
                )
    return findings


async def block_credential(call: Call) -> Response:
    sent = await call.json(_BLOCKING)
    credential = sent.credential
    return await call.carry_out(
        commands.BlockCredential(
            command_id=call.command_id,
            at_ms=call.at_ms(None),
            by=call.key.actor,
            credential_id=call.container.vault.credential_id(credential.kind, credential.number),
            reason=sent.reason,
        )
    )


async def top_up_wallet(call: Call) -> Response:
    resident_id = call.path_id("resident_id")
    sent = await call.json(_TOP_UP)
    return await call.carry_out(
        commands.TopUpWallet(
            command_id=call.command_id,
            at_ms=call.at_ms(sent.occurred_at_ms),
            by=call.key.actor,
            resident_id=resident_id,
            amount_fen=sent.amount_fen,
            source=TopUpSource(sent.source),
            reference=sent.reference,
        )
    )


def _yes(call: Call, name: str) -> bool:
    value = call.query(name)
    if value not in {"", "true", "false"}:
        raise ParameterInvalidError(f"{name} has to be true or false.", parameter=name)
    return value == "true"


_EXAMPLE_FILE: Final = (
    "external_id,name,birth_date,household_city,elder_card,elder_card_valid_until,balance_fen\n"
    "CY-000003,褚桂花,1960-11-09,上海市,DEMO-EC-0003,2027-12-31,15000\n"
)
_IMPORTED: Final[dict[str, Any]] = {
    "dry_run": False,
    "lines": 1,
    "registered": 1,
    "unchanged": 0,
    "credentials": 1,
    "blocked": 0,
    "kept_blocked": 0,
    "wallets_opened": 1,
    "findings": [],
}

OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/v1/residents/import",
        handle=import_residents,
        roles=KITCHEN,
        tag=_TAG,
        summary="导入居民名单 · Import residents",
        description=(
            "Takes a street's list as CSV (UTF-8, with a header): residents with credentials and opening "
            "balances. Every "
            "line is checked first; if one is wrong, nothing is written. The same list again changes nothing. With "
            f"`dry_run=true` nothing is written and the findings are listed.\n\nColumns: {', '.join(COLUMNS)}."
        ),
        parameters=(filter_by("dry_run", "check only", False, {"type": "boolean", "default": False}),),
        takes=(Content(shape=str, example=_EXAMPLE_FILE, media_type=CSV),),
        answer=Content(shape=schemas.ImportTold, example=_IMPORTED),
        problems=(request_errors.ImportInvalidError,),
    ),
    Operation(
        method="POST",
        path="/v1/credentials/block",
        handle=block_credential,
        roles=_MAY_BLOCK,
        tag=_TAG,
        summary="挂失或停用凭证 · Block a credential",
        description=(
            "Blocks a lost card, or a face whose consent was withdrawn, for good. A second time changes nothing."
        ),
        takes=(
            Content(
                shape=schemas.CredentialBlocking,
                example={"credential": examples.CREDENTIAL, "reason": "reported lost at the counter"},
            ),
        ),
        answer=Content(
            shape=schemas.CredentialBlockedTold,
            example={"credential_id": examples.RESIDENT_ID, "changed": True},
        ),
        problems=(errors.CredentialUnknownError,),
    ),
    Operation(
        method="POST",
        path="/v1/residents/{resident_id}/wallet/top-ups",
        handle=top_up_wallet,
        roles=_MAY_TOP_UP,
        tag=_TAG,
        summary="账户充值 · Top up a wallet",
        description=(
            "Adds money to a resident's prepaid wallet; the first top-up opens it. A subsidy never goes in here."
        ),
        parameters=(path_id("resident_id", "the resident's pseudonym", examples.RESIDENT_ID),),
        takes=(Content(shape=schemas.TopUp, example={"amount_fen": 10000, "source": "cash", "reference": "R-0007"}),),
        answer=Content(shape=schemas.WalletTold, example={"resident_id": examples.RESIDENT_ID, "balance_fen": 25000}),
        problems=(
            errors.UnknownResidentError,
            errors.InvalidValueError,
            errors.ClockInFutureError,
        ),
    ),
)
