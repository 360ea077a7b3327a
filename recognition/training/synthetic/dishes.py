"""Recipes: how each dish of the fixture street looks, as parameters, and how a portion of it is painted."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recognition.training.synthetic.pieces import Ingredient, make_piece
from recognition.training.synthetic.surface import Piece, Surface, linear, pour, stamp
from recognition.training.synthetic.texture import Field, box_blur, layered_noise, smoothstep
from recognition.training.synthetic.vessels import Slot

# A grain of rice is one of so many: there are thousands, and nobody tells them apart.
GRAIN_VARIANTS = 64
LARGEST_GRAIN_MM = 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sauce:
    """A liquid between and under the pieces; `level_mm` above the floor of the vessel."""

    colour: str
    level_mm: float
    opacity_per_mm: float = 0.6
    gloss: float = 0.75
    polish: float = 0.86
    mottle: tuple[str, float, float] | None = None  # colour, strength, grain in mm
    spread: float = 1.0  # how far it runs, as a share of the portion's radius


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One dish. `ingredients` are mixed and heaped, `toppings` lie on top and swim on a sauce."""

    heap_mm: float
    bed: str
    ingredients: tuple[Ingredient, ...]
    sauce: Sauce | None = None
    toppings: tuple[Ingredient, ...] = ()
    share: tuple[float, float] = (0.84, 0.98)  # of the slot
    soup: bool = False
    bed_share: float = 0.6
    crevice: tuple[str, float] | None = None  # colour and strength of what gathers between the pieces
    needs_bowl: bool = False


_SCALLION = Ingredient(
    form="slice",
    size_mm=(6, 5, 1.6),
    colours=("#4f8f2a", "#7db544", "#a6cf72"),
    count=(8, 18),
    spread=0.3,
    rim=("#3a7a1e", 0.3),
    gloss=0.4,
)
_SESAME = Ingredient(form="pebble", size_mm=(3.0, 1.8, 1.0), colours=("#efe2bd", "#e4d09a"), count=(20, 45), gloss=0.2)
_GARLIC = Ingredient(
    form="cube", size_mm=(4.5, 3.5, 2.5), colours=("#f0e6c4", "#e8d8a4"), count=(8, 18), spread=0.35, glow=0.4
)
_CHILLI = Ingredient(
    form="slice",
    size_mm=(6, 4, 1.6),
    colours=("#c4200f", "#a8180c"),
    count=(4, 10),
    spread=0.3,
    gloss=0.6,
)

RECIPES: dict[str, Recipe] = {
    "mifan": Recipe(
        heap_mm=15,
        share=(0.92, 1.0),
        bed="#e4dfd0",
        bed_share=0.8,
        ingredients=(
            Ingredient(
                form="pebble",
                size_mm=(8.0, 2.9, 2.5),
                colours=("#f6f2e6", "#f1ecde", "#f9f6ee"),
                unlike=0.05,
                coverage=2.8,
                ragged=0.05,
                bump=(0.04, 1),
                gloss=0.3,
                polish=0.6,
                glow=0.72,
                drape=0.1,
            ),
        ),
    ),
    "mantou": Recipe(
        heap_mm=1,
        bed="#e9e7df",
        bed_share=0.0,
        ingredients=(
            Ingredient(
                form="pebble",
                size_mm=(84, 74, 46),
                colours=("#f3e9d3", "#f5eedd"),
                count=(1, 1),
                spread=0.06,
                ragged=0.03,
                bump=(0.12, 5),
                mottle=("#eee2c8", 0.3, 14),
                unlike=0.02,
                gloss=0.15,
                polish=0.2,
                glow=0.6,
            ),
        ),
    ),
    "xiaomi-zhou": Recipe(
        heap_mm=0,
        bed="#d8b24c",
        soup=True,
        needs_bowl=True,
        ingredients=(),
        sauce=Sauce(colour="#dfb848", level_mm=0, opacity_per_mm=1.5, mottle=("#f0d684", 0.7, 3)),
        toppings=(
            Ingredient(
                form="pebble",
                size_mm=(2.6, 2.4, 1.3),
                colours=("#f2d880", "#e8c458", "#f6e4a4"),
                coverage=0.9,
                gloss=0.4,
                glow=0.5,
                sink_mm=0.5,
            ),
            Ingredient(
                form="pebble",
                size_mm=(23, 17, 6),
                colours=("#6e1a10", "#7f2415", "#541009"),
                count=(3, 5),
                ragged=0.12,
                bump=(0.5, 3),
                gloss=0.6,
                sink_mm=1.0,
            ),
        ),
    ),
    "zicai-danhua-tang": Recipe(
        heap_mm=0,
        bed="#b9a868",
        soup=True,
        needs_bowl=True,
        ingredients=(),
        sauce=Sauce(colour="#8f8a52", level_mm=0, opacity_per_mm=0.16, mottle=("#a39a58", 0.4, 18)),
        toppings=(
            Ingredient(
                form="leaf",
                size_mm=(34, 22, 0.5),
                colours=("#1b1e1a", "#23261c", "#2a2430"),
                coverage=0.75,
                spread=0.4,
                ragged=0.5,
                curl_mm=0.7,
                gloss=0.5,
                sink_mm=0.3,
                cover=0.9,
            ),
            Ingredient(
                form="leaf",
                size_mm=(30, 12, 0.6),
                colours=("#f3dc8a", "#f7e8b0", "#efcf68"),
                coverage=0.85,
                spread=0.45,
                ragged=0.45,
                curl_mm=0.7,
                glow=0.5,
                sink_mm=0.2,
                cover=0.85,
            ),
            _SCALLION,
        ),
    ),
    "hongshaorou": Recipe(
        heap_mm=9,
        bed="#4a1c0c",
        ingredients=(
            Ingredient(
                form="cube",
                size_mm=(30, 27, 18),
                colours=("#7a3417", "#8a4220", "#682a12"),
                coverage=1.35,
                bands=("#5e2210", "#a4602f", "#c08a55", "#8a4420", "#b87d4a", "#74331a"),
                banded_share=0.65,
                mottle=("#5a2410", 0.4, 6),
                bump=(0.12, 3),
                roundness_mm=3.2,
                gloss=0.9,
                polish=0.78,
                glow=0.25,
            ),
        ),
        sauce=Sauce(colour="#3f1607", level_mm=4.5, opacity_per_mm=0.7),
        toppings=(_SCALLION,),
        crevice=("#3c1406", 0.5),
    ),
    "tangcu-liji": Recipe(
        heap_mm=12,
        bed="#a83a10",
        ingredients=(
            Ingredient(
                form="turned",
                size_mm=(40, 15, 12),
                colours=("#d4641f", "#c4501a", "#df7d2e", "#b84414"),
                coverage=2.0,
                profile=(0.55, 0.9, 1.0, 0.95, 0.5),
                bend=0.1,
                ragged=0.2,
                bump=(0.35, 3),
                mottle=("#a8320c", 0.55, 5),
                gloss=0.95,
                polish=0.8,
                glow=0.2,
            ),
        ),
        sauce=Sauce(colour="#a42a08", level_mm=4, opacity_per_mm=0.5),
        toppings=(_SESAME,),
        crevice=("#b02c08", 0.55),
    ),
    "shizitou": Recipe(
        heap_mm=3,
        bed="#6a3c1c",
        bed_share=0.3,
        ingredients=(
            Ingredient(
                form="leaf",
                size_mm=(46, 26, 1.2),
                colours=("#4f8a28", "#6da23c"),
                count=(3, 5),
                curl_mm=2.2,
                gloss=0.5,
                drape=0.7,
            ),
            Ingredient(
                form="pebble",
                size_mm=(66, 62, 42),
                colours=("#93582e", "#a4673a"),
                count=(1, 1),
                spread=0.05,
                ragged=0.06,
                bump=(1.0, 5),
                mottle=("#6e3a1a", 0.55, 5),
                gloss=0.75,
                polish=0.7,
                glow=0.2,
            ),
        ),
        sauce=Sauce(colour="#6e3812", level_mm=5, opacity_per_mm=0.45),
        crevice=("#52280e", 0.4),
    ),
    "qingzheng-yu": Recipe(
        heap_mm=2,
        bed="#8a6a40",
        bed_share=0.2,
        ingredients=(
            Ingredient(
                form="turned",
                size_mm=(155, 66, 24),
                colours=("#a8a698", "#b5b2a2"),
                count=(1, 1),
                spread=0.05,
                profile=(0.4, 0.72, 0.88, 0.97, 1.0, 1.0, 0.97, 0.9, 0.8, 0.66, 0.5, 0.36, 0.42, 0.55),
                bend=0.03,
                ragged=0.008,
                rings=3,
                bands=("#6f7068", "#8e8d82", "#b9b6a8", "#d8d4c4", "#cfcab8"),
                mottle=("#6a6b60", 0.35, 7),
                bump=(0.08, 2),
                gloss=0.85,
                polish=0.7,
                glow=0.3,
            ),
        ),
        sauce=Sauce(colour="#4e2e12", level_mm=3.2, opacity_per_mm=0.35, spread=0.92),
        toppings=(
            Ingredient(
                form="strip",
                size_mm=(44, 2.2, 1.2),
                colours=("#4f8f2a", "#86b850", "#c9dc9c"),
                count=(10, 16),
                bend=0.25,
                curl_mm=1.5,
                drape=0.8,
                gloss=0.4,
            ),
            Ingredient(
                form="strip",
                size_mm=(30, 1.8, 1.2),
                colours=("#ecd58a", "#e2c56c"),
                count=(7, 12),
                bend=0.12,
                curl_mm=1.0,
                drape=0.8,
            ),
            Ingredient(
                form="strip",
                size_mm=(30, 2.4, 1.2),
                colours=("#c9230f", "#b41c0c"),
                count=(3, 7),
                bend=0.2,
                curl_mm=1.0,
                drape=0.8,
                gloss=0.6,
            ),
        ),
    ),
    "youmen-xia": Recipe(
        heap_mm=5,
        bed="#8a2c0c",
        bed_share=0.25,
        ingredients=(
            Ingredient(
                form="turned",
                size_mm=(66, 17, 14),
                colours=("#dd5a24", "#e56c30", "#cf4a1a"),
                count=(8, 11),
                spread=0.1,
                profile=(0.1, 0.5, 0.9, 1.0, 0.98, 0.92, 0.84, 0.74, 0.62, 0.5, 0.36, 0.22, 0.5, 0.7),
                bend=0.38,
                rings=7,
                ragged=0.03,
                bands=("#c63a12", "#e2682c", "#ee8c50", "#e2682c"),
                mottle=("#f2a874", 0.3, 4),
                gloss=0.95,
                polish=0.85,
                glow=0.3,
            ),
        ),
        sauce=Sauce(colour="#9a2a08", level_mm=3.0, opacity_per_mm=0.5),
        toppings=(_SCALLION,),
    ),
    "yumi-paigu": Recipe(
        heap_mm=8,
        bed="#9a7a4a",
        bed_share=0.45,
        ingredients=(
            Ingredient(
                form="turned",
                size_mm=(34, 38, 30),
                colours=("#efc132", "#f2cc4a"),
                count=(3, 5),
                spread=0.1,
                profile=(0.9, 1.0, 1.0, 1.0, 0.9),
                kernels_mm=6.0,
                ragged=0.02,
                bump=(0.1, 2),
                gloss=0.6,
                polish=0.75,
                glow=0.35,
            ),
            Ingredient(
                form="cube",
                size_mm=(36, 22, 18),
                colours=("#96603c", "#a8744c", "#8a5230"),
                coverage=1.05,
                ragged=0.2,
                roundness_mm=3.2,
                bump=(0.3, 4),
                mottle=("#6e4024", 0.5, 5),
                gloss=0.6,
                glow=0.2,
            ),
            Ingredient(
                form="cube",
                size_mm=(20, 15, 12),
                colours=("#e2701c", "#d8641a"),
                count=(4, 7),
                roundness_mm=1.4,
                gloss=0.55,
                glow=0.25,
            ),
        ),
        sauce=Sauce(colour="#96682c", level_mm=5, opacity_per_mm=0.3),
        toppings=(_SCALLION,),
    ),
    "huluobo-chaorou": Recipe(
        heap_mm=14,
        bed="#b0602a",
        ingredients=(
            Ingredient(
                form="slice",
                size_mm=(32, 22, 3.2),
                colours=("#ea7a1e", "#e0681a", "#f08c30"),
                coverage=1.8,
                curl_mm=1.0,
                rim=("#d05c12", 0.12),
                mottle=("#f29a44", 0.3, 6),
                gloss=0.6,
                polish=0.7,
                glow=0.3,
            ),
            Ingredient(
                form="slice",
                size_mm=(34, 20, 4),
                colours=("#9a6c50", "#ab7c60", "#8c5e42"),
                coverage=1.3,
                ragged=0.22,
                curl_mm=4,
                bump=(0.3, 4),
                mottle=("#7a4c34", 0.45, 5),
                gloss=0.5,
                glow=0.15,
            ),
            Ingredient(
                form="slice",
                size_mm=(24, 14, 2.2),
                colours=("#3f8a24", "#5aa236"),
                coverage=0.3,
                curl_mm=2.5,
                gloss=0.7,
                polish=0.75,
            ),
        ),
        crevice=("#6a3414", 0.35),
    ),
    "gali-ji": Recipe(
        heap_mm=8,
        bed="#b9820e",
        ingredients=(
            Ingredient(
                form="cube",
                size_mm=(26, 22, 14),
                colours=("#d9a233", "#e3b54a", "#cf9628"),
                coverage=0.85,
                roundness_mm=2.6,
                gloss=0.55,
                glow=0.3,
                mottle=("#c88a14", 0.4, 6),
            ),
            Ingredient(
                form="cube",
                size_mm=(30, 22, 13),
                colours=("#c08434", "#b07428"),
                coverage=0.8,
                ragged=0.25,
                roundness_mm=3,
                bump=(0.25, 4),
                mottle=("#946018", 0.5, 5),
                gloss=0.55,
            ),
            Ingredient(
                form="cube",
                size_mm=(17, 14, 10),
                colours=("#e26a14", "#d85e10"),
                coverage=0.3,
                roundness_mm=1.6,
                gloss=0.6,
            ),
        ),
        sauce=Sauce(colour="#c4860c", level_mm=10, opacity_per_mm=0.9, mottle=("#a86a06", 0.5, 7)),
        crevice=("#b0740a", 0.75),
    ),
    "zha-jitui": Recipe(
        heap_mm=1,
        bed="#b07a3c",
        bed_share=0.0,
        ingredients=(
            Ingredient(
                form="turned",
                size_mm=(118, 66, 42),
                colours=("#b87430", "#c48238", "#a86426"),
                count=(1, 1),
                spread=0.06,
                profile=(0.3, 0.34, 0.3, 0.34, 0.55, 0.82, 1.0, 1.0, 0.8, 0.25),
                bend=0.07,
                ragged=0.045,
                bump=(0.7, 2.6),
                mottle=("#7c4314", 0.75, 4),
                gloss=0.55,
                polish=0.5,
                glow=0.1,
            ),
        ),
    ),
    "hongchang-pian": Recipe(
        heap_mm=7,
        bed="#a0504a",
        bed_share=0.3,
        ingredients=(
            Ingredient(
                form="slice",
                size_mm=(36, 33, 3.4),
                colours=("#c4645c", "#cb7068", "#b9574f"),
                coverage=2.0,
                spread=0.06,
                ragged=0.03,
                rim=("#8a2418", 0.1),
                mottle=("#eac0b0", 0.6, 2.4),
                curl_mm=1.2,
                gloss=0.6,
                polish=0.7,
                glow=0.25,
                drape=0.15,
            ),
        ),
    ),
    "fanqie-chaodan": Recipe(
        heap_mm=11,
        bed="#c9571a",
        ingredients=(
            Ingredient(
                form="curd",
                size_mm=(36, 26, 9),
                colours=("#f2c43a", "#f6d35c", "#eab52a"),
                coverage=1.7,
                ragged=0.22,
                spread=0.3,
                bump=(0.4, 3),
                mottle=("#fae49a", 0.5, 6),
                gloss=0.55,
                polish=0.7,
                glow=0.4,
                drape=0.6,
            ),
            Ingredient(
                form="cube",
                size_mm=(28, 19, 12),
                colours=("#c63a20", "#b92e18", "#d24e2c"),
                coverage=1.1,
                ragged=0.1,
                roundness_mm=4,
                mottle=("#e47a48", 0.5, 4),
                bump=(0.3, 3),
                gloss=0.8,
                polish=0.8,
                glow=0.3,
            ),
        ),
        sauce=Sauce(colour="#c2410f", level_mm=5, opacity_per_mm=0.35),
        toppings=(_SCALLION,),
        crevice=("#c4400f", 0.4),
    ),
    "mapo-doufu": Recipe(
        heap_mm=6,
        bed="#8a2a0c",
        bed_share=0.3,
        ingredients=(
            Ingredient(
                form="cube",
                size_mm=(22, 21, 13),
                colours=("#f0dfb8", "#f4e6c6", "#ead4a4"),
                coverage=1.35,
                ragged=0.04,
                roundness_mm=1.0,
                bump=(0.05, 2),
                mottle=("#d98a4c", 0.5, 8),
                gloss=0.6,
                polish=0.8,
                glow=0.6,
            ),
        ),
        sauce=Sauce(colour="#9c2408", level_mm=12, opacity_per_mm=0.5, gloss=0.95, mottle=("#c8480e", 0.6, 9)),
        toppings=(
            Ingredient(
                form="curd",
                size_mm=(6, 5, 3),
                colours=("#5c2c14", "#6e3a1e", "#4a200e"),
                count=(45, 75),
                spread=0.35,
                ragged=0.3,
                gloss=0.6,
            ),
            _SCALLION,
        ),
        crevice=("#9c2a0a", 0.6),
    ),
    "ludan": Recipe(
        heap_mm=1,
        bed="#6a3a18",
        bed_share=0.0,
        ingredients=(
            Ingredient(
                form="pebble",
                size_mm=(60, 47, 38),
                colours=("#9c5c2c", "#ab6a36", "#8c4e22"),
                count=(1, 2),
                spread=0.05,
                ragged=0.012,
                bump=(0.03, 4),
                mottle=("#7c421a", 0.4, 12),
                gloss=0.85,
                polish=0.82,
                glow=0.4,
            ),
        ),
        sauce=Sauce(colour="#3a1a08", level_mm=2.2, opacity_per_mm=1.2, spread=0.72),
    ),
    "doufugan-qincai": Recipe(
        heap_mm=13,
        bed="#8a9a4a",
        ingredients=(
            Ingredient(
                form="strip",
                size_mm=(36, 7.5, 5.5),
                colours=("#92ae58", "#a6bf6e", "#7e9c48", "#b8cc8a"),
                coverage=1.9,
                bend=0.08,
                gloss=0.6,
                polish=0.7,
                glow=0.4,
                bump=(0.2, 1.6),
            ),
            Ingredient(
                form="strip",
                size_mm=(40, 8, 6),
                colours=("#b58850", "#c49860", "#a67a44"),
                coverage=1.5,
                bend=0.04,
                bands=("#8a5a2c", "#dcbc8c", "#e2c698", "#8a5a2c"),
                banded_share=0.5,
                gloss=0.35,
                glow=0.2,
            ),
            Ingredient(
                form="strip",
                size_mm=(30, 4, 3),
                colours=("#e0641a", "#d4581a"),
                coverage=0.18,
                bend=0.15,
                gloss=0.5,
            ),
        ),
        crevice=("#566a20", 0.3),
    ),
    "qingchao-bocai": Recipe(
        heap_mm=13,
        bed="#1c3c10",
        ingredients=(
            Ingredient(
                form="leaf",
                size_mm=(46, 27, 0.9),
                colours=("#235218", "#2d641e", "#1b4412", "#37702a"),
                coverage=2.6,
                spread=0.25,
                ragged=0.25,
                curl_mm=4.5,
                mottle=("#163a0e", 0.45, 6),
                gloss=0.75,
                polish=0.72,
                glow=0.15,
                drape=0.7,
                bump=(0.25, 1.6),
            ),
            Ingredient(
                form="strip",
                size_mm=(58, 4.5, 3.4),
                colours=("#5c8034", "#6e9042", "#4c7028"),
                coverage=0.3,
                bend=0.3,
                curl_mm=3,
                gloss=0.7,
                glow=0.3,
                drape=0.6,
            ),
        ),
        sauce=Sauce(colour="#3a4a14", level_mm=2.5, opacity_per_mm=0.3),
        toppings=(_GARLIC,),
    ),
    "chao-qingcai": Recipe(
        heap_mm=12,
        bed="#5a8a2c",
        ingredients=(
            Ingredient(
                form="strip",
                size_mm=(48, 13, 5),
                colours=("#a9c478", "#b6cc88", "#98b666"),
                coverage=1.0,
                bend=0.1,
                curl_mm=2.0,
                bands=("#86ac54", "#a8c67a", "#b8d090", "#94b664"),
                gloss=0.75,
                polish=0.8,
                glow=0.3,
                drape=0.5,
            ),
            Ingredient(
                form="leaf",
                size_mm=(40, 27, 1.0),
                colours=("#4a8228", "#5a9034", "#3c7020"),
                coverage=1.35,
                spread=0.2,
                ragged=0.15,
                curl_mm=4,
                mottle=("#2f5e1a", 0.45, 10),
                gloss=0.75,
                polish=0.75,
                glow=0.2,
                drape=0.6,
            ),
        ),
        sauce=Sauce(colour="#8a9450", level_mm=2.2, opacity_per_mm=0.12),
    ),
    "tudousi": Recipe(
        heap_mm=14,
        bed="#d2ba6a",
        ingredients=(
            Ingredient(
                form="strip",
                size_mm=(58, 3.4, 3.0),
                colours=("#f2e2a0", "#f5e9b6", "#ecd888"),
                coverage=3.4,
                bend=0.22,
                curl_mm=2.5,
                ragged=0.04,
                bump=(0.05, 1.2),
                gloss=0.5,
                polish=0.7,
                glow=0.8,
                drape=0.4,
            ),
            Ingredient(
                form="strip",
                size_mm=(40, 3.4, 2.6),
                colours=("#4f9a2c", "#3f8824"),
                coverage=0.28,
                bend=0.2,
                curl_mm=2.5,
                gloss=0.6,
                drape=0.4,
            ),
            Ingredient(
                form="strip",
                size_mm=(38, 3.2, 2.4),
                colours=("#cc2c14", "#d8441e"),
                coverage=0.16,
                bend=0.2,
                curl_mm=2.5,
                gloss=0.6,
                drape=0.4,
            ),
        ),
        crevice=("#c8aa54", 0.25),
    ),
    "muer-shanyao": Recipe(
        heap_mm=9,
        share=(0.93, 1.0),
        bed="#b5a684",
        bed_share=0.7,
        ingredients=(
            Ingredient(
                form="slice",
                size_mm=(20, 13, 2.4),
                colours=("#dcd3bc", "#e2dac6", "#d3c8ae"),
                coverage=2.2,
                ragged=0.05,
                gloss=0.6,
                polish=0.8,
                glow=0.5,
                drape=0.15,
            ),
            Ingredient(
                form="leaf",
                size_mm=(15, 12, 1.0),
                colours=("#33241a", "#3f2d20", "#4a3626"),
                coverage=1.0,
                spread=0.25,
                ragged=0.3,
                curl_mm=2.5,
                gloss=0.8,
                polish=0.82,
                drape=0.4,
            ),
            Ingredient(
                form="slice",
                size_mm=(16, 9, 2.2),
                colours=("#e8761c", "#df6818"),
                coverage=0.28,
                gloss=0.6,
                glow=0.2,
            ),
            Ingredient(
                form="slice",
                size_mm=(14, 8, 1.8),
                colours=("#4c9a2c", "#3c8a22"),
                coverage=0.22,
                curl_mm=2.5,
                gloss=0.7,
            ),
        ),
        sauce=Sauce(colour="#a8946a", level_mm=3.5, opacity_per_mm=0.4),
        crevice=("#8a7a58", 0.3),
    ),
    "xilanhua": Recipe(
        heap_mm=9,
        bed="#3a5e1c",
        bed_share=0.4,
        ingredients=(
            Ingredient(
                form="cube",
                size_mm=(24, 12, 10),
                colours=("#a8c86c", "#b8d484"),
                coverage=0.35,
                roundness_mm=2.4,
                gloss=0.5,
                glow=0.4,
            ),
            Ingredient(
                form="cluster",
                size_mm=(35, 32, 19),
                colours=("#4a7a2c", "#406e26", "#568636"),
                coverage=1.35,
                ragged=0.14,
                bump=(0.35, 1.2),
                mottle=("#285814", 0.4, 4),
                gloss=0.45,
                polish=0.6,
                glow=0.1,
                drape=0.0,
            ),
        ),
        toppings=(_GARLIC,),
    ),
    "hongshao-qiezi": Recipe(
        heap_mm=9,
        bed="#4a2814",
        ingredients=(
            Ingredient(
                form="cube",
                size_mm=(46, 18, 12),
                colours=("#8a6038", "#9a7044", "#7a5230"),
                coverage=1.9,
                bands=("#2a1028", "#3a1832", "#4a2038", "#94683c", "#a87c4c"),
                banded_share=0.85,
                ragged=0.1,
                roundness_mm=2,
                bump=(0.15, 3),
                gloss=0.8,
                polish=0.75,
                glow=0.2,
                drape=0.25,
            ),
            Ingredient(
                form="slice",
                size_mm=(22, 14, 2.4),
                colours=("#4a8a24", "#3a7a1c"),
                coverage=0.25,
                curl_mm=2.5,
                gloss=0.7,
            ),
        ),
        sauce=Sauce(colour="#3c1c08", level_mm=5, opacity_per_mm=0.6),
        toppings=(_GARLIC,),
        crevice=("#3a1a0a", 0.45),
    ),
    "liangban-huanggua": Recipe(
        heap_mm=10,
        bed="#7a9a48",
        bed_share=0.4,
        ingredients=(
            Ingredient(
                form="slice",
                size_mm=(31, 30, 4.2),
                colours=("#c2da8c", "#d0e4a2", "#b4d078"),
                coverage=2.2,
                spread=0.08,
                ragged=0.03,
                rim=("#2a5c1a", 0.11),
                mottle=("#e2eec4", 0.5, 7),
                gloss=0.75,
                polish=0.85,
                glow=0.55,
                drape=0.1,
            ),
        ),
        sauce=Sauce(colour="#6a5a20", level_mm=2.5, opacity_per_mm=0.2),
        toppings=(_CHILLI, _GARLIC),
    ),
    "zheng-nangua": Recipe(
        heap_mm=6,
        bed="#c87a14",
        bed_share=0.3,
        ingredients=(
            Ingredient(
                form="cube",
                size_mm=(44, 27, 17),
                colours=("#e88f1c", "#f0a02c", "#e08214"),
                coverage=1.55,
                bands=("#5a6e24", "#d98a1c", "#ea981e", "#efa630", "#e88f1c", "#e88f1c", "#f0a834"),
                banded_share=0.7,
                roundness_mm=2.4,
                bump=(0.08, 3),
                mottle=("#f6b848", 0.4, 7),
                gloss=0.45,
                polish=0.6,
                glow=0.5,
                drape=0.05,
            ),
        ),
    ),
    "songren-yumi": Recipe(
        heap_mm=13,
        bed="#d8a41e",
        ingredients=(
            Ingredient(
                form="pebble",
                size_mm=(9.5, 8, 6),
                colours=("#f4c832", "#f0bc24", "#f8d850"),
                coverage=2.4,
                ragged=0.08,
                gloss=0.7,
                polish=0.82,
                glow=0.4,
                drape=0.05,
                bump=(0.05, 1.5),
            ),
            Ingredient(
                form="pebble",
                size_mm=(8.5, 8.5, 7.5),
                colours=("#5a9a2a", "#6aac36"),
                coverage=0.4,
                ragged=0.02,
                spread=0.08,
                gloss=0.6,
                glow=0.2,
                drape=0.0,
            ),
            Ingredient(
                form="cube",
                size_mm=(8, 7.5, 6),
                colours=("#e46c18", "#dc6014"),
                coverage=0.4,
                roundness_mm=0.9,
                gloss=0.55,
                glow=0.2,
                drape=0.0,
            ),
            Ingredient(
                form="pebble",
                size_mm=(11, 5, 4.5),
                colours=("#efdcaa", "#e6cc90"),
                coverage=0.3,
                gloss=0.4,
                glow=0.3,
                drape=0.0,
            ),
        ),
        crevice=("#b07c10", 0.4),
    ),
}


def serve(surface: Surface, rng: np.random.Generator, dish_id: str, slot: Slot, portion: int) -> None:
    """Paint one portion of a dish into a slot.

    Args:
        portion: the number its pixels get in `surface.portion`.
    """
    serve_recipe(surface, rng, RECIPES[dish_id], slot, portion)


def serve_recipe(surface: Surface, rng: np.random.Generator, recipe: Recipe, slot: Slot, portion: int) -> None:
    """Paint one portion by a recipe that need not belong to a dish of the street; see `serve`."""
    share = rng.uniform(*recipe.share) * (1.0 if slot.fills else rng.uniform(0.86, 0.98))
    half_w, half_h = slot.half_width_mm * share, slot.half_height_mm * share
    x_mm = slot.x_mm + rng.normal(0, 0.25) * (slot.half_width_mm - half_w)
    y_mm = slot.y_mm + rng.normal(0, 0.25) * (slot.half_height_mm - half_h)
    grid_x, grid_y = surface.grid_mm()
    p = slot.squareness
    if recipe.soup:
        radius = (
            np.abs((grid_x - slot.x_mm) / (slot.half_width_mm * 1.2)) ** p
            + np.abs((grid_y - slot.y_mm) / (slot.half_height_mm * 1.2)) ** p
        )
        level = np.full_like(surface.height, slot.liquid_mm + rng.uniform(-1.5, 1.0))
        _fill(surface, rng, recipe, level, radius < 1, portion, visible_mm=0.3)
        half_w, half_h = slot.half_width_mm * 0.93, slot.half_height_mm * 0.93
        _heap(surface, rng, recipe.toppings, slot, (slot.x_mm, slot.y_mm, half_w, half_h), portion)
        return
    radius = (np.abs((grid_x - x_mm) / half_w) ** p + np.abs((grid_y - y_mm) / half_h) ** p) ** (1 / p)
    radius = radius + 0.045 * layered_noise(rng, radius.shape, 22 * surface.px_per_mm, 3)
    if recipe.bed_share > 0:
        dome = np.clip(1 - np.clip(radius / 0.97, 0, None) ** 2.4, 0, None)
        lumps = 1 + 0.18 * layered_noise(rng, radius.shape, 14 * surface.px_per_mm, 2)
        bed = slot.base_mm + recipe.heap_mm * rng.uniform(0.85, 1.2) * dome**0.8 * lumps
        where = (radius < 0.5 + 0.46 * min(1.0, recipe.bed_share / 0.6)) & (bed > surface.height)
        surface.height[where] = bed[where]
        tone = 1 + 0.12 * layered_noise(rng, radius.shape, 5 * surface.px_per_mm, 2)
        surface.albedo[where] = (linear(recipe.bed) * tone[..., None])[where]
        surface.gloss[where], surface.polish[where], surface.glow[where] = 0.4, 0.6, 0.2
        surface.metal[where] = 0
        surface.portion[where] = portion
    _heap(surface, rng, recipe.ingredients, slot, (x_mm, y_mm, half_w, half_h), portion)
    if recipe.crevice:
        _stain(surface, recipe.crevice, portion)
    if recipe.sauce:
        level_mm = recipe.sauce.level_mm * rng.uniform(0.8, 1.2)
        pool = radius / recipe.sauce.spread + 0.10 * layered_noise(rng, radius.shape, 30 * surface.px_per_mm, 2)
        level = slot.base_mm + level_mm * np.clip(1.15 - np.clip(pool, 0, None) ** 5 * 0.95, -1, 1)
        _fill(surface, rng, recipe, level.astype(np.float32), radius < 1.12, portion, visible_mm=0.9)
    _heap(surface, rng, recipe.toppings, slot, (x_mm, y_mm, half_w * 0.85, half_h * 0.85), portion)


def _heap(
    surface: Surface,
    rng: np.random.Generator,
    ingredients: tuple[Ingredient, ...],
    slot: Slot,
    place: tuple[float, float, float, float],
    portion: int,
) -> None:
    x_mm, y_mm, half_w, half_h = place
    squareness = slot.squareness
    area = 4 * half_w * half_h * (0.93 if squareness > 2 else 0.785)
    queue: list[Ingredient] = []
    for ingredient in ingredients:
        if ingredient.count[1]:
            low, high = ingredient.count
            queue += [ingredient] * int(rng.integers(low, high + 1))
        else:
            length, width, _ = ingredient.size_mm
            wanted = ingredient.coverage * area / (0.8 * length * width) * rng.uniform(0.9, 1.12)
            queue += [ingredient] * max(1, round(wanted))
    order = sorted(rng.permutation(len(queue)), key=lambda k: _is_large(queue[k]))
    grid_x, grid_y = surface.grid_mm()
    reach = 1.07 if slot.fills else 1.2
    within = (np.abs((grid_x - slot.x_mm) / (slot.half_width_mm * reach)) ** squareness) + (
        np.abs((grid_y - slot.y_mm) / (slot.half_height_mm * reach)) ** squareness
    ) < 1
    main_turn = rng.uniform(0, np.pi) if half_w < 1.25 * half_h else rng.normal(0, 0.25)
    grains: dict[Ingredient, list[Piece]] = {}
    for position, k in enumerate(order):
        ingredient = queue[k]
        length = ingredient.size_mm[0]
        large = _is_large(ingredient)
        turn = main_turn + rng.normal(0, 0.15) if large else rng.uniform(0, 2 * np.pi)
        if large:
            ingredient = _fitted(ingredient, half_w, half_h, turn)
        margin = min(0.85, 0.36 * min(length, 60) / min(half_w, half_h))
        while True:
            fx, fy = rng.uniform(-1, 1, 2)
            if abs(fx) ** squareness + abs(fy) ** squareness < 1:
                break
        if large:
            fellows = sum(other is queue[k] for other in queue)
            spot = position % fellows - (fellows - 1) / 2
            fx = spot * 0.95 + rng.normal(0, 0.06)
            fy = rng.normal(0, 0.08) + spot * 0.2
            margin = 0.0
        if length <= LARGEST_GRAIN_MM:
            if ingredient not in grains:
                turns = rng.uniform(0, 2 * np.pi, GRAIN_VARIANTS)
                grains[ingredient] = [make_piece(ingredient, rng, surface.px_per_mm, each) for each in turns]
            piece = grains[ingredient][int(rng.integers(GRAIN_VARIANTS))]
        else:
            piece = make_piece(ingredient, rng, surface.px_per_mm, turn)
        stamp(
            surface,
            piece,
            x_mm + fx * half_w * (1 - margin * 0.8),
            y_mm + fy * half_h * (1 - margin * 0.8),
            portion=portion,
            drape=ingredient.drape,
            sink_mm=ingredient.sink_mm,
            within=within,
        )


def _is_large(ingredient: Ingredient) -> bool:
    """Tell whether one or two of this fill a vessel, so that it is placed in the middle, on top of the rest."""
    return ingredient.size_mm[0] > 45 and ingredient.count[1] in (1, 2)


def _fitted(ingredient: Ingredient, half_w: float, half_h: float, turn: float) -> Ingredient:
    """Shrink a single large piece that would not fit into its vessel."""
    reach = 2.1 / max(abs(np.cos(turn)) / half_w, abs(np.sin(turn)) / half_h)
    scale = min(1.0, reach / ingredient.size_mm[0])
    length, width, thickness = ingredient.size_mm
    scale = min(scale, 2.0 * min(half_w, half_h) / width)
    return replace(ingredient, size_mm=(length * scale, width * max(scale, 0.75), thickness * max(scale, 0.8)))


def _stain(surface: Surface, crevice: tuple[str, float], portion: int) -> None:
    """Let sauce gather in the gaps between the pieces of a portion."""
    colour, strength = crevice
    inside = surface.portion == portion
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if rows.size == 0:
        return
    cut = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    height = surface.height[cut]
    below = box_blur(height, max(1, int(2.2 * surface.px_per_mm))) - height
    share = (smoothstep(-0.3, 2.2, below) * strength * inside[cut])[..., None]
    surface.albedo[cut] = surface.albedo[cut] * (1 - share) + linear(colour) * share


def _fill(
    surface: Surface,
    rng: np.random.Generator,
    recipe: Recipe,
    level: Field,
    where: NDArray[np.bool_],
    portion: int,
    visible_mm: float,
) -> None:
    sauce = recipe.sauce
    if sauce is None:
        return
    colour = np.broadcast_to(linear(sauce.colour), surface.albedo.shape).copy()
    if sauce.mottle:
        second, strength, grain_mm = sauce.mottle
        spots = layered_noise(rng, level.shape, grain_mm * surface.px_per_mm)
        share = np.clip(0.5 + 0.7 * spots, 0, 1)[..., None] * strength
        colour = colour * (1 - share) + linear(second) * share
    ripple = 0.05 * layered_noise(rng, level.shape, 12 * surface.px_per_mm, 2)
    pour(
        surface,
        level=(level + ripple).astype(np.float32),
        where=where,
        colour=colour.astype(np.float32),
        opacity_per_mm=sauce.opacity_per_mm,
        gloss=sauce.gloss,
        polish=sauce.polish,
        portion=portion,
        visible_mm=visible_mm,
    )
