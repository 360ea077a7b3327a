from collections import Counter

import numpy as np

from recognition.evaluation.seeing import SeenPhoto
from recognition.evaluation.trays import Outcome, judge_tray
from tests.unit.recognition_evaluation.seen_trays import POLICY, gallery_of, looks, photo_of, tray


def test_a_tray_billed_as_it_is_is_right() -> None:
    right = tray(("rou", "mifan"), (0, looks("rou"), 9000), (1, looks("mifan"), 9000))
    assert right.outcome is Outcome.RIGHT
    assert right.list_right
    assert right.billed == Counter({"rou": 1, "mifan": 1})


def test_a_tray_with_a_wrong_name_is_a_silent_error_if_nobody_looks_at_it() -> None:
    wrong = tray(("rou", "mifan"), (0, looks("tang"), 9000), (1, looks("mifan"), 9000))
    assert wrong.outcome is Outcome.SILENT_ERROR
    assert not wrong.list_right


def test_a_tray_whose_wrong_names_make_up_the_right_list_is_billed_rightly() -> None:
    crossed = tray(("rou", "mifan"), (0, looks("mifan"), 9000), (1, looks("rou"), 9000))
    assert crossed.outcome is Outcome.RIGHT


def test_a_portion_that_is_missed_is_a_silent_error_and_one_too_many_as_well() -> None:
    missed = tray(("rou", "mifan"), (0, looks("rou"), 9000))
    assert missed.outcome is Outcome.SILENT_ERROR
    twice = tray(("rou",), (0, looks("rou"), 9000), (3, looks("rou"), 9000))
    assert twice.outcome is Outcome.SILENT_ERROR
    assert not twice.list_right


def test_one_doubtful_portion_hands_the_whole_tray_off_although_its_list_is_right() -> None:
    doubtful = tray(("rou", "mifan"), (0, looks("rou", "tang", 0.5), 9000), (1, looks("mifan"), 9000))
    assert doubtful.sightings[0].candidates[0].dish_id == "rou"
    assert doubtful.outcome is Outcome.HANDED_OFF
    assert doubtful.list_right
    assert doubtful.billed is None


def test_a_box_below_the_counted_score_does_not_count_but_holds_the_tray() -> None:
    faint = tray(("rou",), (0, looks("rou"), 9000), (3, looks("tang"), 3500))
    assert faint.counted == (0,)
    assert faint.list_right
    assert faint.outcome is Outcome.HANDED_OFF


def test_a_tray_with_a_dish_off_the_menu_is_right_if_exactly_that_dish_is_handed_off() -> None:
    right = tray(("rou", "yu"), (0, looks("rou"), 9000), (1, looks("yu"), 9000))
    assert not right.all_on_menu
    assert right.outcome is Outcome.RIGHT
    assert right.list_right


def test_a_tray_with_a_dish_off_the_menu_is_not_right_if_that_dish_is_billed_or_was_not_seen() -> None:
    billed = tray(("rou", "yu"), (0, looks("rou"), 9000), (1, looks("tang"), 9000))
    assert billed.outcome is Outcome.SILENT_ERROR
    assert not billed.list_right
    unseen = tray(("rou", "yu"), (0, looks("rou"), 9000))
    assert unseen.outcome is Outcome.SILENT_ERROR


def test_a_tray_with_a_dish_off_the_menu_is_not_right_if_the_rest_is_wrong_or_doubtful() -> None:
    misnamed = tray(("rou", "yu"), (0, looks("tang"), 9000), (1, looks("yu"), 9000))
    assert misnamed.outcome is Outcome.HANDED_OFF
    assert not misnamed.list_right
    doubtful = tray(("rou", "yu"), (0, looks("rou", "tang", 0.5), 9000), (1, looks("yu"), 9000))
    assert doubtful.outcome is Outcome.HANDED_OFF
    assert doubtful.list_right


def test_something_unlike_all_dishes_is_one_thing_too_many_and_not_a_dish_off_the_menu() -> None:
    spoon = tray(("rou", "yu"), (0, looks("rou"), 9000), (3, looks("doufu"), 9000))
    assert spoon.outcome is Outcome.HANDED_OFF
    assert not spoon.list_right


def test_an_empty_tray_is_right_if_nothing_is_seen_and_a_full_one_is_handed_off() -> None:
    assert tray(()).outcome is Outcome.RIGHT
    assert tray(()).list_right
    assert tray(("rou",)).outcome is Outcome.HANDED_OFF
    assert not tray(("rou",)).list_right
    assert tray((), (0, looks("rou"), 9000)).outcome is Outcome.SILENT_ERROR


def test_a_photograph_that_is_refused_is_handed_off_even_if_the_tray_is_empty() -> None:
    nothing = np.empty((0, 0), np.float32)
    dark = SeenPhoto(
        photo=photo_of("dark.jpg"),
        labelled=(),
        label_embeddings=nothing,
        portions=(),
        embeddings=nothing,
        refusal="The photograph is almost black.",
    )
    assert judge_tray(dark, gallery_of("rou"), frozenset({"rou"}), POLICY).outcome is Outcome.HANDED_OFF
