"""The network that turns crops into directions, and the heads that teach it."""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from recognition.training.lite0 import Lite0Stages

FEATURES: Final = 1280
FROZEN_BLOCKS: Final = 5


class DishNetwork(Lite0Stages):
    """EfficientNet-Lite0 up to its pooled features; the stem and the first five blocks stay as they are."""

    def __init__(self) -> None:
        super().__init__()
        for module in (self.stem, *self.blocks[:FROZEN_BLOCKS]):
            module.requires_grad_(False)

    def forward(self, crops: Tensor) -> Tensor:
        """(n, 3, h, w), RGB (value - 127) / 128, to (n, 1280), each value in [0, 6]."""
        with torch.no_grad():
            x = self.stem(crops)
            for block in self.blocks[:FROZEN_BLOCKS]:
                x = block(x)
        for block in self.blocks[FROZEN_BLOCKS:]:
            x = block(x)
        return self.head(x).mean((2, 3))


class SubCentreCosFace(nn.Module):
    """Each dish has several centres and counts by its nearest one; its own cosine is lowered by a margin.

    Source: CosFace (Wang et al. 2018) and sub-centres (Deng et al. 2020); web photographs of one dish look like
    several, and some are labelled wrongly.
    """

    def __init__(self, size: int, dishes: int, centres: int = 3, scale: float = 20.0, margin: float = 0.2) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.randn(dishes, centres, size) / size**0.5)
        self.scale, self.margin = scale, margin

    def forward(self, features: Tensor, dishes: Tensor) -> Tensor:
        """The mean loss of (n, size) features whose dishes are (n,) indices."""
        directions = functional.normalize(features, dim=1)
        cosines = torch.einsum("nf,dcf->ndc", directions, functional.normalize(self.centres, dim=2)).amax(2)
        lowered = cosines - self.margin * functional.one_hot(dishes, cosines.shape[1])
        return functional.cross_entropy(self.scale * lowered, dishes)
