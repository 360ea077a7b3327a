"""What `canteen evaluate` refuses before it looks at a photograph, and the prices it takes."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from api.evaluating import Question, evaluate_labels
from api.settings import Settings
from engine.domain.errors import LabelsInvalidError, SettingsError
from recognition.evaluation.evaluation import Told

FIXTURES = Path(__file__).parents[3] / "fixtures"
PHOTOS = FIXTURES / "photos"
PLAIN = Question(
    labels=PHOTOS / "labels.json",
    images=PHOTOS,
    enrol=None,
    gallery_images=None,
    as_staff=False,
    leave_out=None,
    photos_per_dish=None,
    menu=(),
    menus=None,
    meal_period="",
    prices=None,
    partly_labelled=False,
    worst=None,
    robustness_photos=0,
    curves=None,
)


@contextmanager
def no_bar(_title: str) -> Iterator[Told]:
    yield lambda _done, _whole: None


def ask(question: Question) -> dict[str, object]:
    return evaluate_labels(Settings(), question, no_bar).plain()


@pytest.fixture
def two_photos(tmp_path: Path) -> Path:
    """Labels of two dishes, two photographs each."""
    labels = json.loads((PHOTOS / "labels.json").read_text(encoding="utf-8"))
    wanted = {f"lanxi/{dish}/{number}.jpg" for dish in ("mantou", "ludan") for number in (1, 2)}
    path = tmp_path / "labels.json"
    path.write_text(json.dumps([label for label in labels if label["file"] in wanted]), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (replace(PLAIN, worst=Path("w")), "need dishes to compare with"),
        (replace(PLAIN, robustness_photos=3), "need dishes to compare with"),
        (replace(PLAIN, leave_out="meal"), "need dishes to compare with"),
        (replace(PLAIN, enrol="trays", leave_out="day"), "Write 'meal'"),
        (replace(PLAIN, enrol="other.json", leave_out="meal"), "no meals to leave out"),
        (replace(PLAIN, enrol="trays", as_staff=True), "--as-staff goes with"),
        (replace(PLAIN, enrol="trays", menu=("mifan",), menus=Path("menus.toml")), "either with"),
        (replace(PLAIN, enrol="trays", menus=Path("menus.toml")), "go together"),
        (replace(PLAIN, enrol="trays", meal_period="lunch"), "go together"),
        (replace(PLAIN, enrol="trays", menu=("mifan", "pizza")), "--menu names pizza"),
        (
            replace(PLAIN, enrol="trays", menus=FIXTURES / "street/menus.toml", meal_period="tea"),
            "It has: breakfast, dinner, lunch",
        ),
        (replace(PLAIN, enrol="trays", prices=Path("none.toml")), "cannot be read"),
    ],
)
def test_options_that_do_not_go_together_are_refused(question: Question, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        ask(question)


def test_labels_without_a_photograph_are_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text("[]")
    with pytest.raises(LabelsInvalidError, match="name no photograph"):
        ask(replace(PLAIN, labels=tmp_path / "labels.json"))


@pytest.mark.parametrize(
    ("content", "said"), [("mantou = 1.5", "mantou has no price in whole fen"), ("mantou = ", "is not TOML")]
)
def test_prices_that_are_no_prices_are_refused(two_photos: Path, content: str, said: str) -> None:
    prices = two_photos.with_name("prices.toml")
    prices.write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError, match=said):
        ask(replace(PLAIN, labels=two_photos, enrol="trays", prices=prices))


def test_given_prices_are_taken_and_otherwise_said_to_be_assumed(two_photos: Path) -> None:
    prices = two_photos.with_name("prices.toml")
    prices.write_text("mantou = 150\nludan = 250\n", encoding="utf-8")
    question = replace(PLAIN, labels=two_photos, enrol="trays")
    given, assumed = ask(replace(question, prices=prices)), ask(question)
    for answer, told, true_fen in ((given, "given", 800), (assumed, "assumed", 2 * 300 + 2 * 400)):
        assert isinstance(answer["recognition"], dict)
        amounts = answer["recognition"]["amounts"]
        assert amounts["prices"].startswith(told)
        assert amounts["unchecked_true_fen"] == true_fen


def test_a_dish_that_is_not_on_the_menu_has_to_come_out_as_unknown(two_photos: Path) -> None:
    answer = ask(replace(PLAIN, labels=two_photos, enrol="trays", menu=("mantou",)))
    assert isinstance(answer["recognition"], dict)
    assert answer["recognition"]["all_enrolled"]["right"]["of"] == 2
    assert answer["recognition"]["with_strange_dish"]["right"]["of"] == 2
    assert answer["recognition"]["naming_on_labels"]["top1"]["of"] == 2


def test_a_menu_of_canteens_does_not_take_other_prices_as_well(tmp_path: Path) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text("mifan = 100\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="leave --prices out"):
        ask(replace(PLAIN, enrol="trays", prices=prices, menus=FIXTURES / "street/menus.toml", meal_period="lunch"))
