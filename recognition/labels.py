"""Labelled photographs: which dish lies where on each photograph of a folder.

A file of labels is a JSON list of
`{"file", "width", "height", "dishes": [{"dish", "box": [x1, y1, x2, y2]}], "meal"}`; boxes are pixels of the stored
file, right and bottom exclusive, the extent of the food and not of its vessel; `meal` is optional and names the
sitting that a photograph was taken at, so that photographs of one sitting can be kept together; `ignore` is optional
and lists boxes of food of which too little is seen to say anything. Other keys are carried by whoever wrote them and
are ignored here.
"""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from engine.domain.errors import LabelsInvalidError
from engine.domain.reading import Box


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledPortion:
    """One portion on a photograph."""

    dish_id: str
    box: Box


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledPhoto:
    """One photograph with everything that is known to be on it; `file` is relative to the folder of images.

    `unsure` are areas in which food may be or not: nothing is to be learned or judged there.
    """

    file: str
    width_px: int
    height_px: int
    portions: tuple[LabelledPortion, ...]
    meal: str | None = None
    unsure: tuple[Box, ...] = ()


class _Dish(msgspec.Struct):
    dish: str
    box: tuple[float, float, float, float]


class _Photo(msgspec.Struct):
    file: str
    width: int
    height: int
    dishes: list[_Dish]
    meal: str | None = None
    ignore: list[tuple[float, float, float, float]] = []


def read_labels(path: Path) -> list[LabelledPhoto]:
    """Read a file of labels.

    Raises:
        LabelsInvalidError: the file is missing, not of this layout, or a box is empty or outside its photograph.
    """
    try:
        photos = msgspec.json.decode(path.read_bytes(), type=list[_Photo])
    except OSError as error:
        raise LabelsInvalidError(f"{path} cannot be read ({error.strerror}). Give a file of labels.") from error
    except msgspec.MsgspecError as error:
        raise LabelsInvalidError(f"{path} is not a file of labels: {error}. See recognition/labels.py.") from error
    return [_checked(photo, path) for photo in photos]


def _checked(photo: _Photo, path: Path) -> LabelledPhoto:
    portions = []
    for dish in photo.dishes:
        box = _inside(dish.box, photo)
        if box.left_px >= box.right_px or box.top_px >= box.bottom_px:
            raise LabelsInvalidError(
                f"{path}: the box {list(dish.box)} of {dish.dish} on {photo.file} ({photo.width} x {photo.height}) "
                "holds no pixel. Correct it.",
                file=photo.file,
            )
        portions.append(LabelledPortion(dish_id=dish.dish, box=box))
    return LabelledPhoto(
        file=photo.file,
        width_px=photo.width,
        height_px=photo.height,
        portions=tuple(portions),
        meal=photo.meal,
        unsure=tuple(_inside(box, photo) for box in photo.ignore),
    )


def _inside(corners: tuple[float, float, float, float], photo: _Photo) -> Box:
    left, top, right, bottom = corners
    return Box(
        left_px=max(0, round(left)),
        top_px=max(0, round(top)),
        right_px=min(photo.width, round(right)),
        bottom_px=min(photo.height, round(bottom)),
    )
