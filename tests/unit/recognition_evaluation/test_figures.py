import pytest

from recognition.evaluation.figures import (
    lead_bps,
    measure_amounts,
    measure_confusions,
    measure_detector,
    measure_dishes,
    measure_naming,
    measure_open_set,
    measure_portions,
    measure_trays,
)
from recognition.evaluation.shares import Share
from recognition.evaluation.trays import JudgedTray
from tests.unit.recognition_evaluation.seen_trays import POLICY, gallery_of, looks, tray

RIGHT = tray(("rou", "mifan"), (0, looks("rou"), 9000), (1, looks("mifan"), 9000))
WRONG = tray(("rou", "mifan"), (0, looks("tang"), 9000), (1, looks("mifan"), 9000))
STRANGE = tray(("rou", "yu"), (0, looks("rou"), 9000), (1, looks("yu"), 9000))
FAINT = tray(("rou", "tang"), (0, looks("rou"), 5000), (3, looks("tang"), 4500))
TRAYS = (RIGHT, WRONG, STRANGE, FAINT)
PRICES = {"": {"rou": 1000, "mifan": 100, "tang": 200}}


def test_recall_precision_and_exact_count_follow_the_score_that_boxes_are_counted_from() -> None:
    photos = [one.seen for one in TRAYS]
    lenient, strict = measure_detector(photos, 4000), measure_detector(photos, 4800)
    assert (lenient.recall, lenient.precision, lenient.exact_count) == (Share(7, 8), Share(7, 8), Share(3, 4))
    assert (strict.recall, strict.precision, strict.exact_count) == (Share(7, 8), Share(7, 7), Share(3, 4))


def test_naming_counts_only_dishes_of_the_menu_and_on_detected_boxes_only_what_was_found() -> None:
    labelled, detected = (measure_naming(TRAYS, detected=detected) for detected in (False, True))
    assert (labelled.top1, labelled.whole_trays) == (Share(7, 7), Share(4, 4))
    assert detected.whole_trays == Share(3, 4)
    assert (detected.top1, detected.top3) == (Share(5, 6), Share(6, 6))


def test_every_tray_is_right_silently_wrong_or_handed_off() -> None:
    figures = measure_trays(TRAYS)
    # FAINT misses its soup and takes something else for soup: its bill is right all the same.
    assert figures.list_right == Share(3, 4)
    assert (figures.right, figures.silent_error, figures.handed_off) == (Share(3, 4), Share(1, 4), Share(0, 4))


def test_portions_accepted_under_another_name_or_without_a_label_are_wrong() -> None:
    figures = measure_portions(TRAYS)
    assert figures.accepted == Share(6, 6)
    assert figures.wrong_among_accepted == Share(2, 7)
    assert figures.strange_accepted == Share(0, 1)
    assert figures.unlabelled_accepted == Share(1, 1)


def test_a_dish_that_is_taken_off_the_menu_is_counted_where_it_is_accepted_as_another() -> None:
    menu = ("mifan", "rou", "tang")
    alike = tray(("rou",), (0, looks("tang", "rou", 0.2), 9000), menu=menu)
    figures = measure_open_set([(one, gallery_of(*menu)) for one in (alike, RIGHT)], POLICY, still_enrolled=False)
    assert figures.dishes == 2
    assert figures.portions_accepted == Share(1, 3)
    assert figures.trays_accepted == Share(1, 3)
    assert figures.auroc == 1.0


def test_a_tray_with_another_doubtful_portion_is_not_accepted_as_a_whole() -> None:
    menu = ("mifan", "rou", "tang")
    between = (1, looks("rou", "tang", 0.5), 9000)
    mixed = tray(("rou", "mifan"), (0, looks("tang"), 9000), between, menu=menu)
    figures = measure_open_set([(mixed, gallery_of(*menu))], POLICY, still_enrolled=False)
    assert figures.portions_accepted == Share(1, 2)
    # Without rou on the menu what lies between it and tang is in no doubt; without mifan it is.
    assert figures.trays_accepted == Share(1, 2)


def test_lead_is_twice_the_best_less_the_second() -> None:
    candidates = RIGHT.sightings[0].candidates
    assert lead_bps(candidates) == 2 * candidates[0].similarity_bps - candidates[1].similarity_bps
    assert lead_bps(candidates[:1]) == 2 * candidates[0].similarity_bps
    assert lead_bps(()) == 0


def test_amounts_compare_what_is_billed_with_what_is_on_the_tray() -> None:
    figures = measure_amounts(TRAYS, PRICES, "given")
    assert figures.unattended_exact == Share(2, 3)
    assert figures.unattended_error_fen == 800
    assert figures.unattended_true_fen == 1100 + 1100 + 1200
    assert figures.unchecked_exact == Share(2, 3)
    assert figures.trays_without_price == 1


def test_the_list_that_happens_to_cost_the_same_is_exact() -> None:
    figures = measure_amounts([FAINT], PRICES, "given")
    assert figures.unattended_exact == Share(1, 1)


@pytest.mark.parametrize("prices", [{}, {"": {}}])
def test_without_prices_no_amount_is_compared(prices: dict[str, dict[str, int]]) -> None:
    figures = measure_amounts([RIGHT], prices, "given")
    assert figures.trays_without_price == 1
    assert figures.unattended_exact == Share(0, 0)


def test_confusions_are_counted_on_labelled_boxes_of_the_menu() -> None:
    assert measure_confusions(TRAYS) == ()
    few = tray(("rou", "tang", "tang"), menu=("rou", "tang"))
    swapped = few.label_candidates[0], few.label_candidates[0], few.label_candidates[1]
    mixed_up = JudgedTray(
        seen=few.seen,
        menu=few.menu,
        sightings=(),
        statuses=(),
        counted=(),
        found={},
        label_candidates=swapped,
    )
    [confusion] = measure_confusions([mixed_up])
    assert (confusion.dish_id, confusion.taken_for, confusion.boxes, confusion.of) == ("tang", "rou", 1, 2)


def test_every_dish_of_the_menu_has_its_own_figures() -> None:
    dishes = {dish.dish_id: dish for dish in measure_dishes(TRAYS)}
    assert set(dishes) == {"rou", "mifan", "tang"}
    assert (dishes["tang"].top1, dishes["tang"].found) == (Share(1, 1), Share(0, 1))
    assert dishes["rou"].accepted == Share(4, 4)
