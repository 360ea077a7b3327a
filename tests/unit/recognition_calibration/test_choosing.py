from dataclasses import replace

import pytest

from engine.domain.acceptance import AcceptanceLimits
from engine.domain.errors import LabelsInvalidError
from recognition.calibration.choosing import Aim, Tally, choose_limits, upper_bound
from recognition.calibration.trials import Evidence, StrangeTrial, TrayTrial, Trials

LIMITS = AcceptanceLimits(
    likeness_pct=100, accept_bps=9000, known_bps=3000, detector_bps=4000, most_equal=2, most_portions=8
)
AIM = Aim(max_silent=0.0, max_strange=0.0)


def portion(likeness_bps: int, lead_bps: int = 0, *, doubtful: bool = False) -> Evidence:
    return Evidence(likeness_bps=likeness_bps, lead_bps=lead_bps, doubtful=doubtful)


def tray(number: int, *portions: Evidence, right: bool = True) -> TrayTrial:
    return TrayTrial(meal=("", f"meal {number}"), portions=portions, right=right)


def strange(number: int, likeness_bps: int, lead_bps: int = 0) -> StrangeTrial:
    return StrangeTrial(meal=("", f"meal {number}"), portion=portion(likeness_bps, lead_bps))


def trials(*trays: TrayTrial, off: tuple[StrangeTrial, ...] = (), likenesses: tuple[int, ...] = ()) -> Trials:
    return Trials(trays=trays, strange=off, right_likeness_bps=likenesses, most_equal=2, most_portions=8)


def test_a_tray_is_billed_up_to_the_certainty_of_its_least_certain_portion() -> None:
    tally = Tally(trials(tray(1, portion(7000), portion(5000)), tray(2, portion(6000), right=False)), 100)

    assert [(tally.at(limit).right, tally.at(limit).silent_errors) for limit in (5000, 5001, 6000, 6001)] == [
        (1, 1),
        (0, 1),
        (0, 1),
        (0, 0),
    ]
    assert tally.at(5000).handed_off == 0
    assert tally.at(6001).handed_off == 2


def test_a_tray_with_a_doubtful_portion_or_without_any_is_never_billed() -> None:
    tally = Tally(trials(tray(1, portion(9000), portion(9000, doubtful=True)), tray(2)), 100)

    assert tally.at(-10_000).handed_off == 2


def test_the_limit_that_bills_most_within_the_aim_is_chosen_and_of_equal_ones_the_strictest() -> None:
    seen = trials(
        tray(1, portion(7000)), tray(2, portion(6000)), tray(3, portion(5000), right=False), tray(4, portion(4000))
    )
    choice = choose_limits(seen, LIMITS, AIM, weigh=False)

    assert choice.limits.accept_bps == 6000
    assert (choice.chosen_on.right, choice.chosen_on.silent_errors, choice.chosen_on.handed_off) == (2, 0, 2)
    assert choice.aim_met
    assert choice.unchecked_right == 3


def test_a_strange_dish_that_would_be_accepted_raises_the_limit() -> None:
    trays = (tray(1, portion(7000)), tray(2, portion(5000)))

    assert choose_limits(trials(*trays), LIMITS, AIM, weigh=False).limits.accept_bps == 5000
    assert choose_limits(trials(*trays, off=(strange(1, 5900),)), LIMITS, AIM, weigh=False).limits.accept_bps == 7000


def test_some_errors_are_allowed_if_the_aim_allows_them() -> None:
    seen = trials(*[tray(number, portion(6000)) for number in range(9)], tray(9, portion(8000), right=False))

    assert choose_limits(seen, LIMITS, AIM, weigh=False).chosen_on.right == 0
    allowed = choose_limits(seen, LIMITS, Aim(max_silent=0.1, max_strange=0.0), weigh=False)
    assert (allowed.chosen_on.right, allowed.chosen_on.silent_errors) == (9, 1)


def test_the_share_of_likeness_is_chosen_only_on_demand() -> None:
    # Likeness is the same everywhere, only the lead tells right from wrong.
    seen = trials(*[tray(number, portion(6000, 4000)) for number in range(4)], tray(5, portion(6000, 500), right=False))

    assert choose_limits(seen, LIMITS, AIM, weigh=False).chosen_on.right == 0
    weighed = choose_limits(seen, LIMITS, AIM, weigh=True)
    assert weighed.chosen_on.right == 4
    assert weighed.limits.likeness_pct < 100


def test_if_nothing_is_within_the_aim_nothing_is_billed_and_it_says_so() -> None:
    seen = trials(tray(1, portion(10_000), right=False), tray(2, portion(10_000), right=False))
    choice = choose_limits(seen, LIMITS, AIM, weigh=False)

    assert not choice.aim_met
    assert choice.limits.accept_bps == 10_000


def test_honest_figures_are_of_trays_that_did_not_choose_their_limit() -> None:
    # Whichever meal is judged, the others never saw the one error, whose limit therefore is too low.
    seen = trials(*[tray(number, portion(5000)) for number in range(4)], tray(4, portion(6000), right=False))
    choice = choose_limits(seen, LIMITS, AIM, weigh=False)

    assert (choice.chosen_on.silent_errors, choice.chosen_on.right) == (0, 0)
    assert choice.cross_validated.silent_errors == 1
    assert choice.cross_validated.trays == 5


def test_trays_of_one_meal_are_judged_together() -> None:
    one_meal = trials(tray(1, portion(5000)), tray(1, portion(6000), right=False), tray(2, portion(5000)))
    choice = choose_limits(one_meal, LIMITS, AIM, weigh=False)

    # The meal with the error is judged by a limit of the other meal alone, and the other way round.
    assert (choice.cross_validated.silent_errors, choice.cross_validated.right) == (1, 1)


def test_a_right_dish_is_seldom_shown_without_a_name() -> None:
    likenesses = tuple(range(2000, 7000, 50))
    choice = choose_limits(
        trials(tray(1, portion(7000)), tray(2, portion(7000)), likenesses=likenesses), LIMITS, AIM, weigh=False
    )

    assert sum(bps < choice.limits.known_bps for bps in likenesses) <= 2
    assert choice.limits.known_bps == 2100


def test_one_sitting_is_not_enough() -> None:
    with pytest.raises(LabelsInvalidError, match="at least two sittings"):
        choose_limits(trials(tray(1, portion(5000)), tray(1, portion(6000))), LIMITS, AIM, weigh=False)


def test_the_trials_of_two_galleries_are_put_together() -> None:
    one = trials(tray(1, portion(5000)), off=(strange(1, 100),), likenesses=(1,))
    both = one + replace(trials(tray(1, portion(6000)), likenesses=(2,)), most_equal=4)

    assert (len(both.trays), len(both.strange), both.right_likeness_bps, both.most_equal) == (2, 1, (1, 2), 4)


@pytest.mark.parametrize(
    ("hits", "of", "bound"),
    [(0, 30, 0.0950), (0, 100, 0.0295), (0, 1000, 0.0030), (1, 100, 0.0466), (5, 100, 0.1023), (10, 10, 1.0)],
)
def test_the_bound_is_that_of_clopper_and_pearson(hits: int, of: int, bound: float) -> None:
    assert upper_bound(hits, of) == pytest.approx(bound, abs=5e-5)


def test_the_bound_holds_for_thousands_of_portions() -> None:
    assert 0.05 < upper_bound(500, 10_000) < 0.054
