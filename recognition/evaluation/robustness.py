"""Read photographs again under worse and worse conditions, with the galleries of good ones: a curve for each."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from PIL import Image

from engine.domain.errors import PhotoUnusableError
from engine.domain.reading import Box
from engine.policies.acceptance import AcceptancePolicy
from recognition.evaluation.distortion import Distorted, coloured, covered, exposed, glaring, shrunk, smeared, turned
from recognition.evaluation.enrolment import EnrolledDishes
from recognition.evaluation.evaluation import judge_all
from recognition.evaluation.figures import (
    DetectorFigures,
    NamingFigures,
    TrayFigures,
    measure_detector,
    measure_naming,
    measure_trays,
)
from recognition.evaluation.seeing import (
    SeenPhoto,
    SittingPhoto,
    box_in_frame,
    decode_labelled,
    open_frame,
    refused,
    see_frame,
)
from recognition.evaluation.trays import COUNTED_FROM_BPS
from recognition.tray import TrayReader

Distortion = Callable[[Image.Image, Sequence[Box]], Distorted]

CAMERA_JPEG_QUALITY: Final = 92


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One condition with its figures; `condition` is what stands on the axis, `refused` counts photographs."""

    condition: str
    detector: DetectorFigures
    naming_on_labels: NamingFigures
    trays: TrayFigures
    refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """What becomes of the figures as one condition grows worse."""

    title: str
    title_zh: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Something that makes photographs worse, with its steps: what stands on the axis, and what is done."""

    title: str
    title_zh: str
    steps: tuple[tuple[str, Distortion], ...]


CONDITIONS: Final = (
    Condition(
        title="tray turned, degrees",
        title_zh="餐盘旋转（度）",
        steps=tuple((str(degrees), partial(turned, degrees=degrees)) for degrees in range(0, 360, 30)),
    ),
    Condition(
        title="resolution, long side at most px",
        title_zh="分辨率（长边至多像素）",
        steps=tuple((str(side), partial(shrunk, long_side_px=side)) for side in (1280, 640, 320)),
    ),
    Condition(
        title="exposure, EV",
        title_zh="曝光（EV）",
        steps=tuple((f"{stops:+d}", partial(exposed, stops_ev=stops)) for stops in (-2, -1, 0, 1, 2)),
    ),
    Condition(
        title="light, cold - to warm +",
        title_zh="灯光（冷 - 暖 +）",
        steps=tuple((f"{warmth:+.1f}", partial(coloured, warmth=warmth)) for warmth in (-1.0, -0.5, 0.0, 0.5, 1.0)),
    ),
    Condition(
        title="motion blur, % of long side",
        title_zh="运动模糊（长边的 %）",
        steps=tuple((f"{share:.1%}", partial(smeared, length_share=share)) for share in (0.0, 0.005, 0.01, 0.02, 0.03)),
    ),
    Condition(
        title="napkin over portion, % of box",
        title_zh="遮挡（每份的 %）",
        steps=tuple((f"{share:.0%}", partial(covered, share=share)) for share in (0.0, 0.1, 0.2, 0.3, 0.4)),
    ),
    Condition(
        title="glare, % of picture",
        title_zh="反光（画面的 %）",
        steps=tuple((f"{share:.0%}", partial(glaring, share=share)) for share in (0.0, 0.05, 0.1, 0.2)),
    ),
)


def measure_robustness(
    reader: TrayReader,
    photos: Sequence[SittingPhoto],
    images: Path,
    dishes: EnrolledDishes,
    policy: AcceptancePolicy,
    conditions: Sequence[Condition] = CONDITIONS,
    *,
    partly_labelled: bool = False,
    told: Callable[[int, int], None],
) -> tuple[Curve, ...]:
    """Read every photograph under every condition; dishes stay enrolled from photographs as they are.

    Args:
        partly_labelled: not all food is labelled, so boxes that lie on no label are left out.
        told: is told how many readings are done, and of how many.
    Raises:
        LabelsInvalidError: a photograph cannot be used.
    """
    whole = len(photos) * sum(len(condition.steps) for condition in conditions)
    done = 0
    curves = []
    for condition in conditions:
        steps = []
        for name, distortion in condition.steps:
            seen = []
            for photo in photos:
                told(done, whole)
                seen.append(_see_distorted(reader, photo, images, distortion, partly_labelled=partly_labelled))
                done += 1
            steps.append(_step(name, seen, dishes, policy))
        curves.append(Curve(title=condition.title, title_zh=condition.title_zh, steps=tuple(steps)))
    told(whole, whole)
    return tuple(curves)


def _see_distorted(
    reader: TrayReader, photo: SittingPhoto, images: Path, distortion: Distortion, *, partly_labelled: bool
) -> SeenPhoto:
    """What was distorted is stored as a camera stores it and opened again, so that what is too dark is refused."""
    try:
        frame, labelled = open_frame(photo.label, images)
        unsure = [box_in_frame(box, photo.label, frame) for box in photo.label.unsure]
        image, boxes = distortion(Image.fromarray(frame.pixels), [*(portion.box for portion in labelled), *unsure])
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=CAMERA_JPEG_QUALITY, subsampling=0)
        moved = [replace(portion, box=box) for portion, box in zip(labelled, boxes, strict=False)]
        label = replace(photo.label, width_px=image.width, height_px=image.height, portions=tuple(moved))
        stored, labelled = decode_labelled(buffer.getvalue(), label)
        unsure = [box_in_frame(box, label, stored) for box in boxes[len(labelled) :]]
        return see_frame(reader, photo, stored, labelled, unsure, partly_labelled=partly_labelled)
    except PhotoUnusableError as error:
        return refused(photo, error)


def _step(name: str, seen: Sequence[SeenPhoto], dishes: EnrolledDishes, policy: AcceptancePolicy) -> Step:
    trays = judge_all(seen, dishes, policy)
    return Step(
        condition=name,
        detector=measure_detector(seen, COUNTED_FROM_BPS),
        naming_on_labels=measure_naming(trays, detected=False),
        trays=measure_trays(trays),
        refused=sum(bool(one.refusal) for one in seen),
    )
