"""The network that finds portions: a small pyramid on EfficientNet-Lite0, one score and one box for every cell."""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from recognition.training.lite0 import Lite0Stages

LAST_BLOCK: Final = 14
PYRAMID_BLOCKS: Final = {4: 40, 10: 112, 14: 192}
"""Blocks whose outputs feed the pyramid, at strides 8, 16 and 32, with their channels."""

PYRAMID_CHANNELS: Final = 64
RARE_SCORE: Final = 0.05
"""What every cell says before it has learned anything: portions are rare."""

FIRST_SIDE_CELLS: Final = 5.0
FROZEN_BLOCKS: Final = 3


def _convolution(channels: int, into: int, side: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, into, side, padding=side // 2, bias=False), nn.BatchNorm2d(into), nn.ReLU(inplace=True)
    )


class DishDetector(Lite0Stages):
    """Blocks 0-14 of EfficientNet-Lite0, a pyramid of 64 channels down to stride 8, and two heads.

    The backbone keeps the statistics of its normalisation, and its first blocks their weights: batches are small and
    the edges that those blocks know are the same on trays.

    Source: Objects as Points (Zhou et al. 2019) for the scores, Feature Pyramid Networks (Lin et al. 2017).
    """

    def __init__(self) -> None:
        super().__init__(LAST_BLOCK + 1)
        del self.head
        self.across = nn.ModuleDict(
            {str(block): _convolution(channels, PYRAMID_CHANNELS, 1) for block, channels in PYRAMID_BLOCKS.items()}
        )
        self.surroundings = nn.Conv2d(PYRAMID_CHANNELS, PYRAMID_CHANNELS, 1)
        self.middle = _convolution(PYRAMID_CHANNELS, PYRAMID_CHANNELS, 3)
        self.fine = _convolution(PYRAMID_CHANNELS, PYRAMID_CHANNELS, 3)
        self.score = nn.Sequential(
            _convolution(PYRAMID_CHANNELS, PYRAMID_CHANNELS, 3), nn.Conv2d(PYRAMID_CHANNELS, 1, 1)
        )
        self.sides = nn.Sequential(
            _convolution(PYRAMID_CHANNELS, PYRAMID_CHANNELS, 3), nn.Conv2d(PYRAMID_CHANNELS, 4, 1)
        )
        nn.init.constant_(self.score[-1].bias, torch.logit(torch.tensor(RARE_SCORE)).item())
        nn.init.constant_(self.sides[-1].bias, torch.tensor(FIRST_SIDE_CELLS).log().item())
        nn.init.normal_(self.sides[-1].weight, std=0.01)
        for module in (self.stem, *self.blocks[:FROZEN_BLOCKS]):
            module.requires_grad_(False)

    def train(self, mode: bool = True) -> "DishDetector":
        """The backbone's normalisation stays as it was learned on a million photographs."""
        super().train(mode)
        self.stem.eval()
        self.blocks.eval()
        return self

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return the heatmap's logits (n, 1, h / 8, w / 8) and the four sides (n, 4, h / 8, w / 8) in cells.

        Args:
            image: (n, 3, h, w), RGB (value - 127) / 128, sides multiples of 32.
        """
        with torch.no_grad():
            x = self.stem(image)
            for block in self.blocks[:FROZEN_BLOCKS]:
                x = block(x)
        levels = {}
        for number, block in enumerate(self.blocks[FROZEN_BLOCKS:], start=FROZEN_BLOCKS):
            x = block(x)
            if number in PYRAMID_BLOCKS:
                levels[number] = self.across[str(number)](x)
        fine, middle, coarse = (levels[block] for block in PYRAMID_BLOCKS)
        coarse = coarse + self.surroundings(coarse.mean((2, 3), keepdim=True))
        middle = self.middle(middle + functional.interpolate(coarse, scale_factor=2.0, mode="nearest"))
        fine = self.fine(fine + functional.interpolate(middle, scale_factor=2.0, mode="nearest"))
        return self.score(fine), self.sides(fine).clamp(max=5.0).exp()
