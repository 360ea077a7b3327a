from dataclasses import replace

import numpy as np

from engine.policies.acceptance import AcceptancePolicy
from recognition.calibration.trials import Trials, make_trials
from recognition.evaluation.enrolment import EnrolledDishes, Enrolment, LeaveOut
from recognition.evaluation.seeing import SeenPhoto, places_of
from recognition.tray import sightings_of
from tests.unit.recognition_evaluation.seen_trays import EMBEDDER, LIMITS, looks, photo_of, seen

GALLERY = photo_of("gallery.jpg", "mifan", "rou", "tang")
ENROLLED = EnrolledDishes(
    EMBEDDER,
    places_of(GALLERY),
    {place.exemplar_id: looks(place.dish_id)[None] for place in places_of(GALLERY)},
    Enrolment(leave_out=LeaveOut.NOTHING),
)


def trials_of(*photos: SeenPhoto, partly_labelled: bool = False) -> Trials:
    return make_trials(photos, ENROLLED, LIMITS, partly_labelled=partly_labelled)


def test_a_tray_is_right_if_its_first_candidates_are_its_dishes() -> None:
    right = seen(photo_of("a.jpg", "mifan", "rou"), (0, looks("mifan"), 9000), (1, looks("rou"), 9000))
    wrong = seen(photo_of("b.jpg", "mifan", "rou"), (0, looks("mifan"), 9000), (1, looks("tang"), 9000))
    missed = seen(photo_of("c.jpg", "mifan", "rou"), (0, looks("mifan"), 9000))

    assert [trial.right for trial in trials_of(right, wrong, missed).trays] == [True, False, False]
    assert [trial.right for trial in trials_of(missed, partly_labelled=True).trays] == [True]


def test_where_not_all_food_is_labelled_only_what_was_found_of_it_is_judged() -> None:
    label = photo_of("a.jpg", "mifan", "rou")
    found = (0, looks("mifan"), 9000)
    # A second box on the rice, something that is not labelled, and a portion too faint to count.
    beside = ((5, looks("mifan"), 9000), (6, looks("tang"), 9000), (1, looks("rou"), 3500))

    (trial,) = trials_of(seen(label, found, *beside), partly_labelled=True).trays
    assert (len(trial.portions), trial.right, trial.portions[0].doubtful) == (1, True, False)
    (trial,) = trials_of(seen(label, found, *beside)).trays
    assert (len(trial.portions), trial.right) == (4, False)


def test_certainty_of_a_trial_is_that_of_the_policy() -> None:
    photo = seen(photo_of("a.jpg", "mifan"), (0, looks("mifan", "rou", 0.2), 9000))
    gallery = ENROLLED.gallery(photo.photo)
    (sighting,) = sightings_of(photo.portions, photo.embeddings, gallery, gallery.dish_ids)
    (trial,) = trials_of(photo).trays

    for likeness_pct in (0, 50, 100):
        policy = AcceptancePolicy(policy_id="", limits=replace(LIMITS, likeness_pct=likeness_pct))
        assert trial.certainty_bps(likeness_pct) == policy.certainty_bps(sighting) > 0


def test_every_dish_is_taken_off_in_turn_and_what_looks_like_another_is_strange() -> None:
    photo = seen(photo_of("a.jpg", "mifan", "rou"), (0, looks("mifan", "tang", 0.3), 9000), (1, looks("rou"), 9000))
    strange = trials_of(photo).strange

    assert len(strange) == 2
    assert strange[0].portion.likeness_bps == round(np.sqrt(0.3) * 10_000)
    assert strange[1].portion.likeness_bps == 0


def test_a_dish_that_nobody_enrolled_is_strange_and_its_tray_is_no_trial_of_known_dishes() -> None:
    photo = seen(photo_of("a.jpg", "mifan", "yu"), (0, looks("mifan"), 9000), (1, looks("yu", "rou", 0.4), 9000))
    tried = trials_of(photo)

    assert tried.trays == ()
    assert len(tried.strange) == 2


def test_a_faint_or_doubled_portion_leaves_its_tray_to_a_person_at_every_limit() -> None:
    faint = seen(photo_of("a.jpg", "mifan"), (0, looks("mifan"), 3500))
    (trial,) = trials_of(faint).trays

    assert trial.portions[0].doubtful
    assert trial.certainty_bps(50) < -10_000


def test_what_is_labelled_is_usual_and_an_empty_tray_says_nothing() -> None:
    four = seen(photo_of("a.jpg", *["mifan"] * 4), *[(place, looks("mifan"), 9000) for place in range(4)])
    tried = trials_of(four, seen(photo_of("empty.jpg")))

    assert tried.most_equal == 4
    assert len(tried.trays) == 1
    assert not any(portion.doubtful for portion in tried.trays[0].portions)
    assert tried.right_likeness_bps == (10_000,) * 4
