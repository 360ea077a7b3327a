"""Reads a street's list of residents (CSV) into what has to be done, or into a list of what is wrong with it.

A finding names line and column, never the value: the values are personal.
"""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from api.request_errors import BodyInvalidError
from engine.domain.resident import CredentialKind, EntitlementFacts, PersonRecord

MAX_LINES: Final = 100_000
MAX_CARE_LEVEL: Final = 6
MAX_OPENING_FEN: Final = 500_000
_LONGEST_TEXT: Final = 80
_LONGEST_NUMBER: Final = 128
_OLDEST_BIRTH: Final = date(1900, 1, 1)

_NEEDED: Final = ("external_id", "name", "birth_date")
_FACTS: Final = (
    "household_city",
    "household_district",
    "residence_district",
    "residence_street",
    "welfare_class",
    "care_level",
    "entitlement_source",
    "entitlement_valid_until",
)
_UNUSED: Final = ("sex",)
"""Columns of the street's lists that nothing here needs; they are left out of what is stored."""

_CARDS: Final[Mapping[str, CredentialKind]] = {
    "elder_card": CredentialKind.ELDER_CARD,
    "social_card": CredentialKind.SOCIAL_CARD,
    "bank_card": CredentialKind.BANK_CARD,
    "id_card": CredentialKind.ID_CARD,
}
_CARD_COLUMNS: Final = tuple(f"{card}{suffix}" for card in _CARDS for suffix in ("", "_status", "_valid_until"))
_OTHERS: Final = ("face_token", "face_consent_id", "wallet_qr", "balance_fen")
COLUMNS: Final = (*_NEEDED, *_FACTS, *_UNUSED, *_CARD_COLUMNS, *_OTHERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is wrong with one line; the header is line 1."""

    line: int
    column: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedCredential:
    """One credential of a line."""

    kind: CredentialKind
    number: str
    column: str
    valid_until: date | None = None
    consent_id: str = ""
    lost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedResident:
    """One line. `opening_fen` is 0 if the wallet is not to be opened."""

    line: int
    record: PersonRecord
    credentials: tuple[ListedCredential, ...]
    opening_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidentList:
    """A whole file: if there are findings, nothing of it may be written."""

    residents: tuple[ListedResident, ...]
    findings: tuple[Finding, ...]


class _Line:
    """One line while it is read; collects what is wrong with it."""

    def __init__(self, number: int, values: Mapping[str, str]) -> None:
        self.number = number
        self.findings: list[Finding] = []
        self._values = values

    def fault(self, column: str, message: str) -> None:
        self.findings.append(Finding(line=self.number, column=column, message=message))

    def text(self, column: str, *, needed: bool = False, longest: int = _LONGEST_TEXT) -> str:
        value = self._values.get(column, "").strip()
        if needed and not value:
            self.fault(column, "is missing")
        if len(value) > longest:
            self.fault(column, f"has more than {longest} characters")
        return value

    def day(self, column: str) -> date | None:
        value = self.text(column)
        if not value:
            return None
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fault(column, "is not a day such as 1950-03-08")
            return None

    def number_up_to(self, column: str, most: int) -> int:
        value = self.text(column) or "0"
        if not (value.isascii() and value.isdigit() and int(value) <= most):
            self.fault(column, f"is not a whole number from 0 to {most}")
            return 0
        return int(value)


def read_residents(content: bytes, today: date) -> ResidentList:
    """Read a file.

    Args:
        content: CSV with a header, UTF-8 with or without byte order mark.
        today: nobody is born later.
    Raises:
        BodyInvalidError: it is not such a file at all, or has too many lines.
    """
    rows = _rows(content)
    residents = []
    findings: list[Finding] = []
    first_line_of: dict[tuple[str, str], int] = {}
    for number, values in rows:
        line = _Line(number, values)
        resident = _resident(line, today)
        for column, value in (
            ("external_id", resident.record.external_id),
            *((listed.column, f"{listed.kind}/{listed.number}") for listed in resident.credentials),
        ):
            first = first_line_of.setdefault((column, value), number)
            if value and first != number:
                line.fault(column, f"stands in line {first} too")
        residents.append(resident)
        findings += line.findings
    return ResidentList(residents=tuple(residents), findings=tuple(findings))


def _rows(content: bytes) -> list[tuple[int, dict[str, str]]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BodyInvalidError("The file is not UTF-8. Save it as 'CSV UTF-8' and send it again.") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(header)
        rows = []
        for values in reader:
            if not any(value.strip() for value in values):
                continue
            if len(values) != len(header):
                raise BodyInvalidError(
                    f"Line {reader.line_num} has {len(values)} columns, the header {len(header)}.",
                    line=reader.line_num,
                )
            rows.append((reader.line_num, dict(zip(header, values, strict=True))))
            if len(rows) > MAX_LINES:
                raise BodyInvalidError(f"The file has more than {MAX_LINES} residents. Send it in parts.")
    except csv.Error as error:
        raise BodyInvalidError(f"Line {reader.line_num} is not CSV: {error}.", line=reader.line_num) from error
    if not rows:
        raise BodyInvalidError("The file has no residents.")
    return rows


def _check_header(header: list[str]) -> None:
    missing = [name for name in _NEEDED if name not in header]
    if missing:
        raise BodyInvalidError(f"The header lacks {', '.join(missing)}.", columns=missing)
    if len(set(header)) != len(header):
        raise BodyInvalidError("The header names a column twice.")
    unknown = [name for name in header if name not in COLUMNS]
    if unknown:
        # A misspelt column would otherwise silently cost people their benefits.
        raise BodyInvalidError(
            f"The header has {len(unknown)} unknown columns. Known are: {', '.join(COLUMNS)}.",
            unknown=len(unknown),
        )


def _resident(line: _Line, today: date) -> ListedResident:
    external_id = line.text("external_id", needed=True)
    name = line.text("name", needed=True)
    line.text("birth_date", needed=True)
    birth_date = line.day("birth_date") or _OLDEST_BIRTH
    if not _OLDEST_BIRTH <= birth_date <= today:
        line.fault("birth_date", f"is before {_OLDEST_BIRTH.isoformat()} or after today")
    credentials = tuple(_credentials(line))
    facts = EntitlementFacts(
        birth_date=birth_date,
        household_city=line.text("household_city"),
        household_district=line.text("household_district"),
        residence_district=line.text("residence_district"),
        residence_street=line.text("residence_street"),
        welfare_class=line.text("welfare_class"),
        care_level=line.number_up_to("care_level", MAX_CARE_LEVEL),
        # A lost card stays registered: its owner keeps the benefit and shows another credential.
        registered_cards=tuple(
            listed.kind
            for listed in credentials
            if listed.kind in {CredentialKind.ELDER_CARD, CredentialKind.SOCIAL_CARD}
        ),
        source=line.text("entitlement_source"),
        valid_until=line.day("entitlement_valid_until"),
    )
    return ListedResident(
        line=line.number,
        record=PersonRecord(external_id=external_id, name=name, facts=facts),
        credentials=credentials,
        opening_fen=line.number_up_to("balance_fen", MAX_OPENING_FEN),
    )


def _credentials(line: _Line) -> list[ListedCredential]:
    credentials = []
    for column, kind in _CARDS.items():
        number = line.text(column, longest=_LONGEST_NUMBER)
        status = line.text(f"{column}_status")
        valid_until = line.day(f"{column}_valid_until")
        if status not in {"", "active", "lost", "expired"}:
            line.fault(f"{column}_status", "is none of active, lost and expired")
        if status == "expired" and valid_until is None:
            line.fault(f"{column}_valid_until", "is missing for an expired card")
        if number:
            credentials.append(
                ListedCredential(
                    kind=kind, number=number, column=column, valid_until=valid_until, lost=status == "lost"
                )
            )
        elif status:
            line.fault(column, "is missing although the card has a status")
    face_token = line.text("face_token", longest=_LONGEST_NUMBER)
    consent_id = line.text("face_consent_id")
    if face_token and not consent_id:
        line.fault("face_consent_id", "is missing: a face is used only with a recorded consent")
    if face_token:
        credentials.append(
            ListedCredential(kind=CredentialKind.FACE, number=face_token, column="face_token", consent_id=consent_id)
        )
    code = line.text("wallet_qr", longest=_LONGEST_NUMBER)
    if code:
        credentials.append(ListedCredential(kind=CredentialKind.QR, number=code, column="wallet_qr"))
    return credentials
