"""Food cut out of photographs: what a person photographed becomes a texture of the larder."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from recognition.labels import read_labels
from recognition.training.synthetic.food_textures import FoodTexture
from recognition.training.synthetic.scene import seeded
from recognition.training.synthetic.texture import as_field

SIDE_PX = 224
_CUT_SIDE_PX = 112  # GrabCut takes a tenth of a second at this size and a whole one at twice
_PLATE_MM = 190.0  # what such a photograph shows across, roughly
_SMALLEST_INNER_PX = 56

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def photographs_by_folder(folder: Path, most_per_dish: int) -> Iterator[tuple[str, Image.Image]]:
    """Yield photographs with the name of their sub-folder; a file that is no picture is passed over."""
    for dish_dir in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = sorted(path for path in dish_dir.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
        chosen = seeded("photographs", dish_dir.name).permutation(len(files))[:most_per_dish]
        for number in sorted(chosen):
            picture = _opened(files[number])
            if picture is not None:
                yield dish_dir.name, picture


def photographs_by_label(labels: Path, images: Path, most_per_dish: int) -> Iterator[tuple[str, Image.Image]]:
    """Yield the boxes of labelled photographs with their dish, the first of each dish."""
    taken: dict[str, int] = {}
    for photo in read_labels(labels):
        if all(taken.get(portion.dish_id, 0) >= most_per_dish for portion in photo.portions):
            continue
        picture = _opened(images / photo.file)
        if picture is None:
            continue
        for portion in photo.portions:
            if taken.get(portion.dish_id, 0) >= most_per_dish:
                continue
            box = portion.box
            taken[portion.dish_id] = taken.get(portion.dish_id, 0) + 1
            yield portion.dish_id, picture.crop((box.left_px, box.top_px, box.right_px, box.bottom_px))


def _opened(path: Path) -> Image.Image | None:
    try:
        with Image.open(path) as image:
            return ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, UnidentifiedImageError):
        return None


def cut_texture(picture: Image.Image, dish_id: str, path: Path) -> FoodTexture | None:
    """Cut the food out of one photograph and write it as a texture; None where no food stands out."""
    picture = picture.copy()
    picture.thumbnail((SIDE_PX, SIDE_PX))
    colours = np.asarray(picture)
    if min(colours.shape[:2]) < _SMALLEST_INNER_PX:
        return None
    food = _food(colours)
    share = float(food.mean())
    inner = _inner_rectangle(food)
    if share < 0.15 or inner is None:
        return None
    Image.fromarray(np.dstack([colours, _relief(colours, food)])).save(path)
    rows, columns = food.shape
    edge = np.concatenate([food[0], food[-1], food[:, 0], food[:, -1]])
    return FoodTexture(
        dish_id=dish_id,
        file=path.name,
        origin="photograph",
        inner=inner,
        mm_per_px=_PLATE_MM / SIDE_PX * (0.6 if share > 0.8 else 1.0),
        whole=bool(edge.mean() < 0.12 and share < 0.75 and rows * columns > 100 * 100),
        liquid=dish_id.lower().startswith(("canh", "tang")) or dish_id.endswith("汤"),
        gloss=0.35,
    )


def _food(colours: Pixels) -> Mask:
    """Tell food from its background: the middle is probably food, the border probably not."""
    rows, columns = colours.shape[:2]
    scale = _CUT_SIDE_PX / max(rows, columns)
    small = cv2.resize(colours, (max(8, round(columns * scale)), max(8, round(rows * scale))), cv2.INTER_AREA)
    tall, wide = small.shape[:2]
    y, x = np.mgrid[-1 : 1 : tall * 1j, -1 : 1 : wide * 1j]
    radius = np.hypot(x, y)
    guess = np.full((tall, wide), cv2.GC_PR_BGD, np.uint8)
    guess[radius < 0.8] = cv2.GC_PR_FGD
    guess[radius < 0.3] = cv2.GC_FGD
    guess[[0, -1], :] = cv2.GC_BGD
    guess[:, [0, -1]] = cv2.GC_BGD
    cv2.setRNGSeed(7)
    cv2.grabCut(small, guess, None, np.zeros((1, 65)), np.zeros((1, 65)), 2, cv2.GC_INIT_WITH_MASK)
    found = ((guess == cv2.GC_FGD) | (guess == cv2.GC_PR_FGD)).astype(np.uint8)
    found = cv2.morphologyEx(found, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(found)
    if count < 2:
        return np.zeros((rows, columns), bool)
    keep = [k for k in range(1, count) if stats[k, cv2.CC_STAT_AREA] > 0.12 * stats[1:, cv2.CC_STAT_AREA].max()]
    kept = np.isin(pieces, keep).astype(np.float32)
    smooth = cv2.GaussianBlur(cv2.resize(kept, (columns, rows), interpolation=cv2.INTER_LINEAR), (0, 0), 1.5)
    return np.asarray(smooth > 0.5)


def _inner_rectangle(food: Mask) -> tuple[int, int, int, int] | None:
    """Find a large rectangle of food: the square in the largest circle, then grown while it stays food."""
    padded = np.pad(food.astype(np.uint8), 1)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)
    y, x = (int(place) for place in np.unravel_index(int(depth.argmax()), depth.shape))
    half = int(depth[y, x] * 0.7)
    box = [max(0, x - half), max(0, y - half), min(food.shape[1], x + half), min(food.shape[0], y + half)]
    counts = cv2.integral(food.astype(np.uint8))

    def holds(left: int, top: int, right: int, bottom: int) -> bool:
        if left < 0 or top < 0 or right > food.shape[1] or bottom > food.shape[0]:
            return False
        total = counts[bottom, right] - counts[top, right] - counts[bottom, left] + counts[top, left]
        return bool(total >= 0.985 * (right - left) * (bottom - top))

    for side in range(4):
        step = -4 if side < 2 else 4
        while True:
            wider = [*box]
            wider[side] += step
            if not holds(wider[0], wider[1], wider[2], wider[3]):
                break
            box = wider
    left, top, right, bottom = box
    if min(right - left, bottom - top) < _SMALLEST_INNER_PX * 0.7:
        return None
    return left, top, right, bottom


def _relief(colours: Pixels, food: Mask) -> Pixels:
    """Guess heights: what is lighter than its surroundings usually stands higher."""
    grey = as_field(colours.mean(axis=2))
    near, far = cv2.GaussianBlur(grey, (0, 0), 1.2), cv2.GaussianBlur(grey, (0, 0), 9)
    raised = np.clip(0.55 + (near - far) / 130, 0.02, 1)
    return np.where(food, raised * 254 + 1, 0).astype(np.uint8)
