"""A street's list of residents is taken as a whole or not at all, and findings tell no personal value."""

from datetime import date

import pytest

from api.request_errors import BodyInvalidError
from api.resident_import import MAX_LINES, Finding, ResidentList, read_residents
from engine.domain.resident import CredentialKind
from tests.support.served_canteen import FIXTURES

TODAY = date(2026, 11, 24)


def read(
    *lines: str, header: str = "external_id,name,birth_date,elder_card,face_token,face_consent_id"
) -> ResidentList:
    return read_residents("\n".join((header, *lines)).encode(), TODAY)


def test_the_fixture_street_is_read_without_a_finding() -> None:
    listed = read_residents((FIXTURES / "street" / "residents.csv").read_bytes(), TODAY)
    assert listed.findings == ()
    assert len(listed.residents) == 200
    lost = [one for resident in listed.residents for one in resident.credentials if one.lost]
    assert len(lost) == 8


def test_a_line_becomes_a_record_with_its_credentials() -> None:
    listed = read(
        "E-1,测试,1950-03-08,A,3,EC-1,active,2030-12-31,F-1,C-1,1500",
        header=(
            "external_id,name,birth_date,welfare_class,care_level,elder_card,elder_card_status,"
            "elder_card_valid_until,face_token,face_consent_id,balance_fen"
        ),
    )
    (resident,) = listed.residents
    assert (resident.record.external_id, resident.record.facts.birth_date) == ("E-1", date(1950, 3, 8))
    assert (resident.record.facts.welfare_class, resident.record.facts.care_level) == ("A", 3)
    assert resident.record.facts.registered_cards == (CredentialKind.ELDER_CARD,)
    card, face = resident.credentials
    assert (card.kind, card.number, card.valid_until, card.lost) == (
        CredentialKind.ELDER_CARD,
        "EC-1",
        date(2030, 12, 31),
        False,
    )
    assert (face.kind, face.consent_id) == (CredentialKind.FACE, "C-1")
    assert resident.opening_fen == 1500


@pytest.mark.parametrize(
    ("line", "column"),
    [
        (",测试,1950-03-08,,,", "external_id"),
        ("E-1,,1950-03-08,,,", "name"),
        ("E-1,测试,,,,", "birth_date"),
        ("E-1,测试,1950-13-08,,,", "birth_date"),
        ("E-1,测试,2026-11-25,,,", "birth_date"),
        ("E-1,测试,1850-01-01,,,", "birth_date"),
        (f"E-1,{'长' * 81},1950-03-08,,,", "name"),
        (f"E-1,测试,1950-03-08,{'9' * 129},,", "elder_card"),
        ("E-1,测试,1950-03-08,,F-1,", "face_consent_id"),
    ],
)
def test_a_wrong_value_is_found_by_line_and_column(line: str, column: str) -> None:
    found = read("E-0,测试,1950-03-08,,,", line).findings
    assert {(finding.line, finding.column) for finding in found} == {(3, column)}


def test_findings_never_tell_the_value() -> None:
    findings = read("E-1,张三,1850-01-01,310101195003081234,F-1,", "E-1,李四,未知,310101195003081234,,").findings
    told = " ".join(f"{finding.column} {finding.message}" for finding in findings)
    for value in ("张三", "李四", "未知", "310101195003081234", "E-1", "F-1", "1850-01-01"):
        assert value not in told


def test_a_number_that_stands_twice_is_found() -> None:
    findings = read("E-1,甲,1950-03-08,EC-1,,", "E-2,乙,1950-03-08,EC-1,,", "E-1,丙,1950-03-08,,,").findings
    assert findings == (
        Finding(line=3, column="elder_card", message="stands in line 2 too"),
        Finding(line=4, column="external_id", message="stands in line 2 too"),
    )


@pytest.mark.parametrize(
    ("card", "column"),
    [("EC-1,missing,", "elder_card_status"), (",lost,", "elder_card"), ("EC-1,expired,", "elder_card_valid_until")],
)
def test_a_card_and_its_status_have_to_fit(card: str, column: str) -> None:
    header = "external_id,name,birth_date,elder_card,elder_card_status,elder_card_valid_until"
    assert {finding.column for finding in read(f"E-1,甲,1950-03-08,{card}", header=header).findings} == {column}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "lacks external_id"),
        (b"external_id,name,birth_date\n", "no residents"),
        (b"external_id,name\nE-1,x\n", "lacks birth_date"),
        (b"external_id,name,birth_date,welfare_clas\nE-1,x,1950-03-08,A\n", "unknown columns"),
        (b"external_id,name,birth_date,name\nE-1,x,1950-03-08,x\n", "twice"),
        (b"external_id,name,birth_date\nE-1,x\n", "Line 2 has 2 columns"),
        (b'external_id,name,birth_date\nE-1,"x,1950-03-08\n', "Line 2 is not CSV"),
        ("external_id,name,birth_date\nE-1,张,1950-03-08\n".encode("gb18030"), "not UTF-8"),
    ],
)
def test_what_is_no_such_list_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(BodyInvalidError, match=message):
        read_residents(content, TODAY)


def test_a_list_has_a_longest_length() -> None:
    lines = "\n".join(f"E-{number},x,1950-03-08" for number in range(MAX_LINES + 1))
    with pytest.raises(BodyInvalidError, match="in parts"):
        read_residents(f"external_id,name,birth_date\n{lines}".encode(), TODAY)
