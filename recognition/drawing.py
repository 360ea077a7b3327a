"""Draw a reading onto its photograph, for a person to check.

A status shows by colour and by the kind of line, so that it can also be told without seeing colours. The
caller says what stands on a label: this package knows neither names nor prices.

Source: decision R9 of the README.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from importlib.resources import as_file, files
from itertools import pairwise
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from engine.domain.reading import Box
from recognition.frame import Frame

Colour = tuple[int, int, int]
Rectangle = tuple[float, float, float, float]

LEAST_LONG_SIDE_PX: Final = 1280
JPEG_QUALITY: Final = 90
WHITE: Final = (255, 255, 255)
BOLD_WEIGHT: Final = 700
MEDIUM_WEIGHT: Final = 500
ELLIPSIS: Final = "…"


class SightingStatus(Enum):
    """What the acceptance policy made of a sighting."""

    ACCEPTED = "accepted"
    UNCERTAIN = "uncertain"
    UNKNOWN = "unknown"


COLOURS: Final[dict[SightingStatus, Colour]] = {
    SightingStatus.ACCEPTED: (22, 128, 60),
    SightingStatus.UNCERTAIN: (176, 94, 0),
    SightingStatus.UNKNOWN: (190, 30, 45),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledBox:
    """A box in frame pixels with what is written on it: a title (the dish) and a line of details."""

    box: Box
    status: SightingStatus
    title: str
    details: str = ""


@dataclass(frozen=True, slots=True)
class _Measures:
    """Sizes in pixels that grow with the picture."""

    title_px: int
    details_px: int
    line_px: int
    padding_px: int
    gap_px: int


@dataclass(frozen=True, slots=True)
class _Label:
    """A label before it has a place."""

    title: str
    details: str
    width: float
    height: float
    title_height: float


def draw_reading(frame: Frame, labelled_boxes: Sequence[LabelledBox]) -> bytes:
    """Draw boxes and labels and return a JPEG of at least 1280 pixels on the long side.

    Accepted boxes are green, uncertain ones amber and dashed, unknown ones red and dotted. Labels stand above
    their box if they can, and give way to each other.
    """
    zoom = max(1.0, LEAST_LONG_SIDE_PX / max(frame.width_px, frame.height_px))
    picture = Image.fromarray(frame.pixels)
    if zoom > 1.0:
        picture = picture.resize(
            (round(frame.width_px * zoom), round(frame.height_px * zoom)), Image.Resampling.BICUBIC
        )
    canvas = ImageDraw.Draw(picture)
    measures = _measures(picture)
    outlines = [_scaled(labelled.box, zoom) for labelled in labelled_boxes]
    for labelled, outline in zip(labelled_boxes, outlines, strict=True):
        _draw_outline(canvas, outline, labelled.status, measures)
    taken: list[Rectangle] = []
    for labelled, outline in zip(labelled_boxes, outlines, strict=True):
        label = _lay_out(labelled, measures, picture.width)
        others = [other for other in outlines if other is not outline]
        place = _find_place(label, outline, taken, others, picture.size, measures)
        taken.append(place)
        _draw_label(canvas, label, place, COLOURS[labelled.status], measures)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return buffer.getvalue()


def _measures(picture: Image.Image) -> _Measures:
    unit = max(picture.size) / 1280
    return _Measures(
        title_px=round(28 * unit),
        details_px=round(21 * unit),
        line_px=max(3, round(5 * unit)),
        padding_px=round(9 * unit),
        gap_px=round(4 * unit),
    )


def _scaled(box: Box, zoom: float) -> Rectangle:
    return box.left_px * zoom, box.top_px * zoom, box.right_px * zoom, box.bottom_px * zoom


def _draw_outline(canvas: ImageDraw.ImageDraw, outline: Rectangle, status: SightingStatus, measures: _Measures) -> None:
    """A white rim keeps the line visible on food of any colour."""
    width = measures.line_px
    left, top, right, bottom = outline
    if status is SightingStatus.ACCEPTED:
        canvas.rounded_rectangle(
            (left - 2, top - 2, right + 2, bottom + 2), radius=width * 2, outline=WHITE, width=width + 4
        )
        canvas.rounded_rectangle(outline, radius=width * 2, outline=COLOURS[status], width=width)
        return
    dash, pause = (width * 5, width * 3) if status is SightingStatus.UNCERTAIN else (width * 1.5, width * 1.5)
    corners = ((left, top), (right, top), (right, bottom), (left, bottom), (left, top))
    for start, end in pairwise(corners):
        canvas.line((*start, *end), fill=WHITE, width=width + 4)
    for (x0, y0), (x1, y1) in pairwise(corners):
        length = abs(x1 - x0) + abs(y1 - y0)
        # Whole dashes with one at either end, so that every corner is closed.
        pauses = max(1, round((length - dash) / (dash + pause)))
        step = (length - dash) / pauses
        for number in range(pauses + 1):
            near, far = number * step / length, (number * step + dash) / length
            canvas.line(
                (x0 + (x1 - x0) * near, y0 + (y1 - y0) * near, x0 + (x1 - x0) * far, y0 + (y1 - y0) * far),
                fill=COLOURS[status],
                width=width,
            )


def _lay_out(labelled: LabelledBox, measures: _Measures, most_width: int) -> _Label:
    room = most_width - 2 * measures.padding_px
    title_font, details_font = _fonts(measures)
    title, details = _fit(labelled.title, title_font, room), _fit(labelled.details, details_font, room)
    title_height = measures.title_px * 1.25
    details_height = measures.details_px * 1.35 if details else 0.0
    return _Label(
        title=title,
        details=details,
        width=max(title_font.getlength(title), details_font.getlength(details)) + 2 * measures.padding_px,
        height=title_height + details_height + measures.padding_px,
        title_height=title_height,
    )


def _fit(text: str, font: ImageFont.FreeTypeFont, room: float) -> str:
    if font.getlength(text) <= room:
        return text
    while text and font.getlength(text + ELLIPSIS) > room:
        text = text[:-1]
    return text + ELLIPSIS


def _find_place(
    label: _Label,
    outline: Rectangle,
    taken: Sequence[Rectangle],
    others: Sequence[Rectangle],
    size: tuple[int, int],
    measures: _Measures,
) -> Rectangle:
    """Choose the place that covers the least of other labels, then of other boxes; above its own if equal."""
    left, top, right, bottom = outline
    gap = measures.gap_px
    above, below = top - label.height - gap, bottom + gap
    inside_top, inside_bottom = top + gap, bottom - label.height - gap
    at_left, at_right, middle = left, right - label.width, (left + right - label.width) / 2
    corners = [(x, y) for y in (above, below, inside_top, inside_bottom) for x in (at_left, at_right, middle)]
    corners += [(at_left, top + step * (label.height + gap)) for step in range(1, 6)]
    places = [_kept_inside(x, y, label, size) for x, y in corners]
    return min(
        places,
        key=lambda place: (
            sum(_overlap(place, other) for other in taken),
            sum(_overlap(place, other) for other in others),
        ),
    )


def _kept_inside(x: float, y: float, label: _Label, size: tuple[int, int]) -> Rectangle:
    x = min(max(x, 0.0), max(size[0] - label.width, 0.0))
    y = min(max(y, 0.0), max(size[1] - label.height, 0.0))
    return x, y, x + label.width, y + label.height


def _overlap(one: Rectangle, other: Rectangle) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0.0) * max(height, 0.0)


def _draw_label(
    canvas: ImageDraw.ImageDraw, label: _Label, place: Rectangle, colour: Colour, measures: _Measures
) -> None:
    left, top, _, bottom = place
    title_font, details_font = _fonts(measures)
    canvas.rounded_rectangle(place, radius=measures.padding_px, fill=colour, outline=WHITE, width=2)
    x, baseline = left + measures.padding_px, top + measures.padding_px / 2 + measures.title_px
    canvas.text((x, baseline), label.title, font=title_font, fill=WHITE, anchor="ls")
    if label.details:
        details_baseline = bottom - measures.padding_px / 2 - measures.details_px * 0.3
        canvas.text((x, details_baseline), label.details, font=details_font, fill=WHITE, anchor="ls")


def _fonts(measures: _Measures) -> tuple[ImageFont.FreeTypeFont, ImageFont.FreeTypeFont]:
    return font_of(measures.title_px, bold=True), font_of(measures.details_px, bold=False)


@lru_cache(maxsize=16)
def font_of(size_px: int, *, bold: bool) -> ImageFont.FreeTypeFont:
    """Noto Sans SC (OFL 1.1), as no machine can be trusted to have a Chinese font of its own."""
    resource = files("justmytype_intl_cjk").joinpath("fonts", "ofl", "notosanssc", "NotoSansSC[wght].ttf")
    with as_file(resource) as path:
        font = ImageFont.truetype(str(path), size_px)
    font.set_variation_by_axes([BOLD_WEIGHT if bold else MEDIUM_WEIGHT])
    return font
