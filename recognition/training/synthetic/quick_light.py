"""Light for training scenes: the effects of `light.py` at a tenth of its time, with blurs of OpenCV.

Finer light is kept for pictures that people look at; a detector sees a tray at 416 pixels.
"""

import cv2
import numpy as np

from recognition.training.synthetic.light import Lighting, Panel
from recognition.training.synthetic.surface import Surface
from recognition.training.synthetic.texture import Field, as_field


def shade_quickly(surface: Surface, lighting: Lighting, eye_mm: tuple[float, float, float]) -> Field:
    """Return the light that leaves each pixel towards the camera, (rows, columns, 3), about 1 for a lit white."""
    scale = surface.px_per_mm
    height = surface.height
    slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=scale / 8)
    slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=scale / 8)
    tame = 1 / np.sqrt(1 + (slope_x**2 + slope_y**2) / np.float32(7))
    slope_x, slope_y = slope_x * tame, slope_y * tame
    normal_z = 1 / np.sqrt(1 + slope_x**2 + slope_y**2)
    normal_x, normal_y = -slope_x * normal_z, -slope_y * normal_z
    openness = _openness(height, scale)
    diffuse = np.zeros_like(height)
    total = np.float32(sum(panel.strength for panel in lighting.panels))
    for panel in lighting.panels:
        away = np.float32(np.sqrt(1 + panel.x**2 + panel.y**2))
        facing = np.clip((normal_x * np.float32(panel.x) + normal_y * np.float32(panel.y) + normal_z) / away, 0, None)
        diffuse += np.float32(panel.strength * 1.15) / total * facing * _unshadowed(height, scale, panel)
    spread = cv2.GaussianBlur(diffuse, (0, 0), 1.8 * scale)
    diffuse += (spread - diffuse) * surface.glow
    dim = (1 - openness)[..., None] * (1 - np.float32(0.7) * surface.albedo)
    ambient = np.float32(lighting.ambient) * (np.float32(0.55) + np.float32(0.45) * normal_z)[..., None] * (1 - dim)
    tint = np.array(lighting.tint, np.float32)
    direct = diffuse[..., None] * (1 - np.float32(0.35) * dim) * np.float32(1 - 0.5 * lighting.ambient)
    light = (direct + ambient) * tint
    mirror = _mirrored(surface, (normal_x, normal_y, normal_z), eye_mm, lighting) * (np.float32(0.3) + 0.7 * openness)
    base = np.float32(0.04) + np.float32(0.25) * np.clip(1 - normal_z, 0, 1) ** 4
    shown = surface.albedo * light
    if surface.metal.any():
        metal = surface.metal[..., None]
        sheen = np.float32(0.3) * light + np.float32(0.62) * np.minimum(mirror, 5)[..., None]
        shown = shown * (1 - metal) + surface.albedo * tint * sheen * metal
    return as_field(shown + (surface.gloss * base * np.float32(1.7) * mirror * (1 - surface.metal))[..., None] * tint)


def _openness(height: Field, scale: float) -> Field:
    open_share = np.ones_like(height)
    half = cv2.resize(height, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    for reach_mm, weight in ((1.6, 0.45), (5.0, 0.55), (15.0, 0.45)):
        if reach_mm < 3:
            around = cv2.GaussianBlur(height, (0, 0), max(0.8, reach_mm * scale / 1.5))
        else:
            soft = cv2.GaussianBlur(half, (0, 0), reach_mm * scale / 3)
            around = cv2.resize(soft, (height.shape[1], height.shape[0]), interpolation=cv2.INTER_LINEAR)
        open_share *= 1 - np.float32(weight) * np.clip((around - height) / np.float32(reach_mm * 0.7), 0, 1)
    return open_share


def _unshadowed(height: Field, scale: float, panel: Panel) -> Field:
    """March towards a lamp at a third of the size and return how much of it each pixel sees, in [0, 1]."""
    tangent = float(np.hypot(panel.x, panel.y))
    if tangent < 1e-3:
        return np.ones_like(height)
    coarse = cv2.resize(height, None, fx=1 / 3, fy=1 / 3, interpolation=cv2.INTER_AREA)
    rows, columns = coarse.shape
    blocked = np.zeros_like(coarse)
    softness = max(panel.half_width, panel.half_height)
    ceiling = float(coarse.max())
    distance = 2.5
    while distance < ceiling * tangent + 5:
        dx, dy = panel.x / tangent * distance * scale / 3, panel.y / tangent * distance * scale / 3
        move = np.array([[1, 0, -dx], [0, 1, -dy]], np.float32)
        toward = cv2.warpAffine(coarse, move, (columns, rows), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        wide = softness * distance / (tangent**2 + 0.3) + 0.8
        over = (toward - coarse - np.float32(distance / tangent)) / np.float32(wide)
        blocked = np.maximum(blocked, np.clip(np.float32(0.5) + over, 0, 1))
        distance *= 1.35
    blocked = cv2.GaussianBlur(blocked, (0, 0), 1.0)
    return 1 - cv2.resize(blocked, (height.shape[1], height.shape[0]), interpolation=cv2.INTER_LINEAR)


def _mirrored(
    surface: Surface, normals: tuple[Field, Field, Field], eye_mm: tuple[float, float, float], lighting: Lighting
) -> Field:
    """Return the brightness of what a mirror at each pixel would show: a dim ceiling with bright lamps."""
    normal_x, normal_y, normal_z = normals
    grid_x, grid_y = surface.grid_mm()
    up = np.clip(2 * normal_z * normal_z - 1, 0.05, 1)
    x = 2 * normal_z * normal_x / up + (grid_x - np.float32(eye_mm[0])) / np.float32(eye_mm[2])
    y = 2 * normal_z * normal_y / up + (grid_y - np.float32(eye_mm[1])) / np.float32(eye_mm[2])
    rough = np.float32(0.05) + np.float32(0.75) * (1 - surface.polish) ** np.float32(1.5)
    main = lighting.panels[0]
    toward = (x * np.float32(main.x) + y * np.float32(main.y)) / np.float32(np.hypot(main.x, main.y) + 1e-3)
    seen = np.float32(0.35) + np.float32(0.28) * toward / (1 + np.abs(toward))
    for panel in lighting.panels:
        wide_x, wide_y = np.float32(panel.half_width) + rough, np.float32(panel.half_height) + rough
        share = np.float32(panel.half_width * panel.half_height) / (wide_x * wide_y)
        lobe = ((x - np.float32(panel.x)) / wide_x) ** 2 + ((y - np.float32(panel.y)) / wide_y) ** 2
        seen = seen + np.float32(22 * panel.strength) * share / (1 + lobe * lobe)
    return as_field(seen)
