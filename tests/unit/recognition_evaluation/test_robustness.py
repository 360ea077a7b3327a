import io
from pathlib import Path

import numpy as np
from PIL import Image

from recognition.evaluation.curves import LINES, draw_curves
from recognition.evaluation.distortion import exposed
from recognition.evaluation.enrolment import Enrolment, LeaveOut
from recognition.evaluation.evaluation import enrol_all
from recognition.evaluation.figures import DetectorFigures, NamingFigures, TrayFigures
from recognition.evaluation.robustness import CONDITIONS, Condition, Curve, Step, measure_robustness
from recognition.evaluation.seeing import SittingPhoto
from recognition.evaluation.shares import Share
from recognition.labels import read_labels
from recognition.tray import TrayReader
from tests.unit.recognition_evaluation.seen_trays import POLICY

TRAYS = Path(__file__).parents[3] / "fixtures" / "trays"


def step(condition: str, hits: int, of: int = 10) -> Step:
    share = Share(hits, of)
    return Step(
        condition=condition,
        detector=DetectorFigures(counted_from_bps=4000, recall=share, precision=share, exact_count=share),
        naming_on_labels=NamingFigures(top1=Share(0, 0), top3=Share(0, 0), whole_trays=Share(0, 0)),
        trays=TrayFigures(list_right=Share(0, 0), right=Share(0, 0), silent_error=Share(0, 0), handed_off=Share(0, 0)),
        refused=0,
    )


def rows_of(picture: bytes, colour: tuple[int, int, int]) -> list[int]:
    """The rows that show a colour, without the legend below the charts."""
    pixels = np.asarray(Image.open(io.BytesIO(picture))).astype(int)[:-64]
    return sorted(set(np.nonzero(np.abs(pixels - colour).max(axis=-1) < 12)[0].tolist()))


def test_there_is_a_curve_for_everything_that_befalls_a_photograph() -> None:
    steps = {condition.title.split(",")[0]: [name for name, _ in condition.steps] for condition in CONDITIONS}
    assert steps["tray turned"] == [str(degrees) for degrees in range(0, 360, 30)]
    assert steps["exposure"] == ["-2", "-1", "+0", "+1", "+2"]
    assert len(steps) == 7


def test_a_higher_share_is_drawn_higher() -> None:
    recall = LINES[0][1]
    high, low = (
        draw_curves([Curve(title="t", title_zh="题", steps=(step("a", hits), step("b", hits)))]) for hits in (9, 2)
    )
    assert max(rows_of(high, recall)) < min(rows_of(low, recall))


def test_a_share_of_nothing_is_not_drawn() -> None:
    nothing = draw_curves([Curve(title="t", title_zh="题", steps=(step("a", 0, 0), step("b", 0, 0)))])
    assert rows_of(nothing, LINES[0][1]) == []


def test_charts_stand_three_in_a_row() -> None:
    curve = Curve(title="t", title_zh="题", steps=(step("a", 5),))
    one, four = (Image.open(io.BytesIO(draw_curves([curve] * number))) for number in (1, 4))
    assert one.width == four.width
    assert four.height - 64 == 2 * (one.height - 64)


def test_what_is_too_dark_is_refused_and_what_is_as_it_was_is_read_as_before(reader: TrayReader) -> None:
    labels = [label for label in read_labels(TRAYS / "labels.json") if label.file.startswith("lanxi/ordinary")][:2]
    photos = [SittingPhoto(label=label) for label in labels]
    told: list[tuple[int, int]] = []

    def tell(done: int, whole: int) -> None:
        told.append((done, whole))

    dishes = enrol_all(reader, photos, TRAYS, Enrolment(leave_out=LeaveOut.NOTHING), tell)
    dark_and_plain = Condition(
        title="light",
        title_zh="光",
        steps=(
            ("dark", lambda image, boxes: exposed(image, boxes, -12)),
            ("plain", lambda image, boxes: (image, list(boxes))),
        ),
    )
    [curve] = measure_robustness(reader, photos, TRAYS, dishes, POLICY, (dark_and_plain,), told=tell)
    dark, plain = curve.steps
    assert dark.refused == 2
    assert dark.trays.handed_off == Share(2, 2)
    assert dark.detector.recall.hits == 0
    assert plain.refused == 0
    portions = sum(len(label.portions) for label in labels)
    assert plain.naming_on_labels.top1 == Share(portions, portions)
    assert told[-1] == (4, 4)
