"""Draw robustness curves as one picture of small charts, each with its figures from 0 to 1."""

import io
from collections.abc import Callable, Sequence
from typing import Final

from PIL import Image, ImageDraw

from recognition.drawing import font_of
from recognition.evaluation.robustness import Curve, Step
from recognition.evaluation.shares import Share

COLUMNS: Final = 3
CHART_WIDTH_PX: Final = 560
CHART_HEIGHT_PX: Final = 360
LEFT_PX, TOP_PX, RIGHT_PX, BOTTOM_PX = 58, 56, 22, 46
LEGEND_HEIGHT_PX: Final = 64
INK: Final = (40, 44, 52)
PALE: Final = (222, 225, 230)
PAPER: Final = (255, 255, 255)

LINES: Final[tuple[tuple[str, tuple[int, int, int], Callable[[Step], Share]], ...]] = (
    ("找到 recall", (31, 98, 180), lambda step: step.detector.recall),
    ("首选正确 top-1", (124, 58, 160), lambda step: step.naming_on_labels.top1),
    ("无人工且正确 right", (22, 128, 60), lambda step: step.trays.right),
    ("转人工 handed off", (176, 94, 0), lambda step: step.trays.handed_off),
    ("静默错误 silent error", (200, 30, 45), lambda step: step.trays.silent_error),
)


def draw_curves(curves: Sequence[Curve]) -> bytes:
    """Return a PNG with a chart for every curve and a legend; a share of nothing leaves a gap in its line."""
    rows = -(-len(curves) // COLUMNS)
    picture = Image.new("RGB", (COLUMNS * CHART_WIDTH_PX, rows * CHART_HEIGHT_PX + LEGEND_HEIGHT_PX), PAPER)
    canvas = ImageDraw.Draw(picture)
    for number, curve in enumerate(curves):
        row, column = divmod(number, COLUMNS)
        _draw_chart(canvas, curve, column * CHART_WIDTH_PX, row * CHART_HEIGHT_PX)
    _draw_legend(canvas, picture.height - LEGEND_HEIGHT_PX, picture.width)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _draw_chart(canvas: ImageDraw.ImageDraw, curve: Curve, left: int, top: int) -> None:
    x0, y0 = left + LEFT_PX, top + TOP_PX
    width, height = CHART_WIDTH_PX - LEFT_PX - RIGHT_PX, CHART_HEIGHT_PX - TOP_PX - BOTTOM_PX
    canvas.text((x0, top + 14), f"{curve.title_zh}  {curve.title}", font=font_of(20, bold=True), fill=INK)
    for tenths in range(0, 11, 2):
        y = y0 + height * (1 - tenths / 10)
        canvas.line((x0, y, x0 + width, y), fill=PALE, width=1)
        canvas.text((x0 - 8, y), f"{tenths / 10:.1f}", font=font_of(16, bold=False), fill=INK, anchor="rm")
    last = max(1, len(curve.steps) - 1)
    across = [x0 + 12 + (width - 24) * number / last for number in range(len(curve.steps))]
    for x, step in zip(across, curve.steps, strict=True):
        canvas.text((x, y0 + height + 8), step.condition, font=font_of(16, bold=False), fill=INK, anchor="mt")
    for _, colour, figure in LINES:
        previous = None
        for x, step in zip(across, curve.steps, strict=True):
            value = figure(step).value
            point = None if value is None else (x, y0 + height * (1 - value))
            if point is not None and previous is not None:
                canvas.line((*previous, *point), fill=colour, width=3)
            if point is not None:
                canvas.ellipse((point[0] - 4, point[1] - 4, point[0] + 4, point[1] + 4), fill=colour)
            previous = point


def _draw_legend(canvas: ImageDraw.ImageDraw, top: int, width: int) -> None:
    font = font_of(20, bold=False)
    x = LEFT_PX
    for name, colour, _ in LINES:
        canvas.line((x, top + 30, x + 36, top + 30), fill=colour, width=5)
        canvas.text((x + 46, top + 30), name, font=font, fill=INK, anchor="lm")
        x += (width - 2 * LEFT_PX) // len(LINES)
