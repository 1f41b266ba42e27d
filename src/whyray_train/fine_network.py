"""The network of the second look: Sign-ConvGating at about 0.7 mm a pixel, for one lung at a time.

A small U-shaped network gives features at half resolution; each channel matches its bank of oriented templates on
them (depthwise kernels that start as lines of known size and may learn) and is gated by where in the chest the cell
lies, as the first look sees the chest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import yaml
from torch import Tensor, nn

from whyray.domain import SecondLook
from whyray_train.gating import Channel, channels, opened, template

WIDTHS = (16, 24, 32, 48)  # features at strides 2, 4, 8, 16


@dataclass(frozen=True, slots=True)
class Bank:
    """Settings of ``fine_templates.yaml``: where the network looks, and what is inserted."""

    look: SecondLook
    work: int
    kinds: tuple[str, ...]
    channels: tuple[Channel, ...]

    @property
    def planes(self) -> int:
        """Planes that go in: both lungs, what lies beside, two coordinates."""
        return 4 + len(self.look.beside)

    @property
    def lung_cells(self) -> int:
        """Cells of one lung's map."""
        return self.look.crop[0] * self.look.crop[1] // self.look.stride**2


@lru_cache(maxsize=1)
def bank() -> Bank:
    """The settings, channels in output order."""
    raw = yaml.safe_load((Path(__file__).parent / "fine_templates.yaml").read_text("utf-8"))
    size, cell = int(raw["kernel"]), float(raw["cell_mm"])
    first = {c.name: c for c in channels()}
    found = tuple(
        Channel(
            name,
            np.stack([template(size, cell, **shape) for shape in entry["templates"]]),
            float(entry["cells"]) / 1000,
            first[name].labels,
            first[name].hint,
            first[name].marks,
        )
        for name, entry in raw["channels"].items()
    )
    rows, cols = raw["crop"]
    right, left = raw["lungs"]
    look = SecondLook(
        "", "", int(raw["size"]), (rows, cols), int(raw["cell"]), int(raw["stride"]), (right, left),
        tuple(map(tuple, raw["beside"])), tuple(c.name for c in found),
        {name: float(entry["first"]) for name, entry in raw["channels"].items() if "first" in entry},
    )  # fmt: skip
    return Bank(look, int(raw["work"]), tuple(raw["kinds"]), found)


def film_share(cells: float) -> float:
    """Share of the whole film's map that has as many cells as the share `cells` of one lung's."""
    return cells * bank().lung_cells / (bank().look.size // bank().look.stride) ** 2


def _light(inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """Depthwise 3 x 3 and pointwise convolution with batch norm."""
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, stride, dilation, dilation, inputs, bias=False),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(),
    )


class FineNet(nn.Module):
    """Film and places of one lung -> sign logits."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d = WIDTHS
        planes = bank().planes
        self.stem = nn.Sequential(nn.Conv2d(1, a, 3, 2, 1, bias=False), nn.BatchNorm2d(a), nn.ReLU6(), _light(a, a))
        self.down4 = nn.Sequential(_light(a, b, 2), _light(b, b))
        self.down8 = nn.Sequential(_light(b + planes, c, 2), _light(c, c), _light(c, c, dilation=2))
        self.down16 = nn.Sequential(_light(c, d, 2), _light(d, d), _light(d, d, dilation=2), _light(d, d, dilation=4))
        self.narrow = nn.ModuleList([nn.Conv2d(d, c, 1), nn.Conv2d(c, b, 1), nn.Conv2d(b, a, 1)])
        self.smooth = nn.ModuleList([_light(c, c), _light(b, b), _light(a, a)])
        self.bank = TemplateBank(a)
        self.gate = nn.Sequential(
            nn.Conv2d(planes, 24, 1), nn.ReLU6(), nn.Conv2d(24, 24, 1), nn.ReLU6(), nn.Conv2d(24, self.bank.signs, 1)
        )
        with torch.no_grad():
            self.gate[4].bias.fill_(2.0)

    def forward(self, film: Tensor, places: Tensor) -> Tensor:
        """(n, 1, h, w) in [0, 1] and (n, planes, h / 4, w / 4) -> (n, signs, h / 2, w / 2) logits."""
        half = self.stem(4 * film - 2)
        quarter = self.down4(half)
        eighth = self.down8(torch.cat([quarter, places], dim=1))
        y = self.down16(eighth)
        for narrow, smooth, skip in zip(self.narrow, self.smooth, (eighth, quarter, half), strict=True):
            y = smooth(skip + F.interpolate(narrow(y), scale_factor=2.0, mode="bilinear", align_corners=False))
        gate = F.interpolate(self.gate(places), scale_factor=2.0, mode="bilinear", align_corners=False)
        match: Tensor = self.bank(y) + opened(gate)
        return match


class TemplateBank(nn.Module):
    """Features -> one logit a sign: profiles matched with the templates of all signs, weighed beside the features."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.signs = len(bank().channels)
        kernels = np.concatenate([c.kernels for c in bank().channels])
        count, size = len(kernels), kernels.shape[-1]
        self.profile = nn.Sequential(nn.Conv2d(features, count, 1, bias=False), nn.BatchNorm2d(count))
        self.match = nn.Conv2d(count, count, size, padding=size // 2, groups=count, bias=False)
        with torch.no_grad():
            self.match.weight.copy_(torch.from_numpy(kernels)[:, None])
        self.matched = nn.Sequential(nn.BatchNorm2d(count), nn.ReLU6())
        self.mask = nn.Conv2d(count, self.signs, 1)
        self.direct = nn.Conv2d(features, self.signs, 1, bias=False)
        with torch.no_grad():
            self.mask.bias.fill_(-3.0)

    def forward(self, fine: Tensor) -> Tensor:
        """(n, features, h, w) -> (n, signs, h, w)."""
        matched = self.matched(self.match(self.profile(fine)))
        out: Tensor = self.mask(matched) + self.direct(fine)
        return out


def pooled(logits: Tensor) -> Tensor:
    """Sign logits of a lung (n, signs) from its maps or a part of them (n, signs, h, w): mean of the highest cells."""
    flat = logits.flatten(2)
    counts = [min(max(1, round(c.cells * bank().lung_cells)), flat.shape[2]) for c in bank().channels]
    top = torch.topk(flat, max(counts), dim=2).values
    return torch.stack([top[:, i, :k].mean(dim=1) for i, k in enumerate(counts)], dim=1)
