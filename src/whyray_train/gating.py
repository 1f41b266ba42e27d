"""Sign-ConvGating: a bank of morphological templates a sign, matched on fine features, gated by the anatomy.

Each sign channel projects the fine features to one profile a template, correlates every profile with its template
(a depthwise kernel that starts as a disk, ring, line or edge of known size and may then learn), and weighs the
responses. A gate fed by the anatomy says where that sign can live. ``mask = sigmoid(match) * gate`` in log space.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import yaml
from numpy.typing import NDArray
from torch import Tensor, nn

F32 = NDArray[np.float32]
SHUT = 1e-12  # least value of a gate


@dataclass(frozen=True, slots=True)
class Channel:
    """One sign channel: its starting kernels (k, size, size), pooled share and study labels (see the YAML file)."""

    name: str
    kernels: F32
    cells: float
    labels: frozenset[str]
    hint: frozenset[str]
    marks: frozenset[str]


@lru_cache(maxsize=1)
def channels() -> tuple[Channel, ...]:
    """Channels of ``sign_templates.yaml`` in output order."""
    raw = yaml.safe_load((Path(__file__).parent / "sign_templates.yaml").read_text("utf-8"))
    size, cell = int(raw["kernel"]), float(raw["cell_mm"])
    return tuple(
        Channel(
            name,
            np.stack([template(size, cell, **shape) for shape in entry["templates"]]),
            float(entry["cells"]) / 1000,
            frozenset(entry["labels"]),
            frozenset(entry["hint"]),
            frozenset(entry["marks"]),
        )
        for name, entry in raw["channels"].items()
    )


def template(size: int, cell_mm: float, profile: str, size_mm: float, degrees: float = 0.0) -> F32:
    """Zero-mean, unit-norm kernel (size, size) of one profile.

    ``disk``: Gaussian blob minus its surroundings; ``hollow``: dark centre in a bright ring; ``line``: thin ridge;
    ``edge``: bright below, dark above (turned by `degrees`). ``size_mm`` is the diameter, length or depth.
    """
    axis = (np.arange(size) - size // 2) * cell_mm
    x, y = np.meshgrid(axis, axis)
    angle = np.deg2rad(degrees)
    along, across = x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)
    half = size_mm / 2
    radius = np.hypot(x, y)
    if profile == "disk":
        kernel = np.exp(-((radius / half) ** 2)) - 0.5 * np.exp(-((radius / (1.6 * half)) ** 2))
    elif profile == "hollow":
        kernel = np.exp(-(((radius - half) / (0.6 * half)) ** 2)) - np.exp(-((radius / (0.6 * half)) ** 2))
    elif profile == "line":
        kernel = np.exp(-((along / half) ** 4)) * np.exp(-((across / (0.7 * cell_mm)) ** 2))
    elif profile == "edge":
        kernel = np.tanh(across / cell_mm) * np.exp(-((radius / half) ** 2))
    else:
        raise ValueError(f"unknown profile {profile}")
    kernel = kernel - kernel.mean()
    return np.asarray(kernel / np.linalg.norm(kernel), dtype=np.float32)


class SignConvGating(nn.Module):
    """Fine features and anatomy logits -> sign logits.

    Parameters
    ----------
    features
        Channels of the fine feature map.
    structures
        Channels of the anatomy map.
    """

    def __init__(self, features: int, structures: int) -> None:
        super().__init__()
        bank = channels()
        self.signs = len(bank)
        kernels = np.concatenate([c.kernels for c in bank])
        self.each = len(kernels) // self.signs
        size = kernels.shape[-1]
        self.profile = nn.Sequential(nn.Conv2d(features, len(kernels), 1, bias=False), nn.BatchNorm2d(len(kernels)))
        self.match = nn.Conv2d(len(kernels), len(kernels), size, padding=size // 2, groups=len(kernels), bias=False)
        with torch.no_grad():
            self.match.weight.copy_(torch.from_numpy(kernels)[:, None])
        self.matched = nn.Sequential(nn.BatchNorm2d(len(kernels)), nn.ReLU6())
        self.weigh = nn.Conv2d(2 * len(kernels), 4 * self.signs, 1, groups=self.signs, bias=False)
        self.settle = nn.Sequential(nn.BatchNorm2d(4 * self.signs), nn.ReLU6())
        self.mask = nn.Conv2d(4 * self.signs, self.signs, 1, groups=self.signs)
        self.gate = nn.Sequential(nn.Conv2d(3 * structures + 2, 32, 1), nn.ReLU6(), nn.Conv2d(32, self.signs, 1))
        with torch.no_grad():
            self.mask.bias.fill_(-2.0)
            self.gate[2].bias.fill_(2.0)

    def forward(self, fine: Tensor, anatomy: Tensor) -> Tensor:
        """(n, features, h, w), (n, structures, 2h, 2w) logits -> (n, signs, h, w) logits."""
        profiles = self.profile(fine)
        n, _, h, w = profiles.shape
        pairs = torch.stack(
            [
                profiles.view(n, self.signs, self.each, h, w),
                self.matched(self.match(profiles)).view(n, self.signs, self.each, h, w),
            ],
            dim=2,
        )
        match = self.mask(self.settle(self.weigh(pairs.reshape(n, -1, h, w))))
        return match + opened(self.gate(self._places(anatomy)))

    def _places(self, anatomy: Tensor) -> Tensor:
        """Structure probabilities at three blurs beside the two grid coordinates."""
        near = F.avg_pool2d(anatomy.sigmoid(), 2)
        n, _, h, w = near.shape
        wide = _blurred(near, blur(h, 5), blur(w, 5))
        wider = _blurred(near, blur(h, 11, 2), blur(w, 11, 2))
        rows = torch.linspace(-1, 1, h, dtype=near.dtype).view(1, 1, h, 1).expand(n, 1, h, w)
        cols = torch.linspace(-1, 1, w, dtype=near.dtype).view(1, 1, 1, w).expand(n, 1, h, w)
        return torch.cat([near, wide, wider, rows, cols], dim=1)


def opened(gate: Tensor) -> Tensor:
    """Log of the gate of logits, finite when it is shut; in onnxruntime on a CPU five times as fast as ``softplus``."""
    return torch.log(torch.sigmoid(gate).clamp_min(SHUT))


@lru_cache(maxsize=16)
def blur(cells: int, width: int, times: int = 1) -> F32:
    """Matrix (cells, cells) of the mean over `width` neighbours, zero beyond both ends, applied `times` times.

    A square mean is this along rows and along columns: far fewer sums than ``avg_pool2d`` of the same width.
    """
    away = np.abs(np.arange(cells)[:, None] - np.arange(cells)[None, :])
    once = np.where(away <= width // 2, 1 / width, 0.0)
    return np.asarray(np.linalg.matrix_power(once, times), dtype=np.float32)


def _blurred(planes: Tensor, rows: F32, cols: F32) -> Tensor:
    """(n, k, h, w) planes averaged along both axes by the matrices of `blur`."""
    down, across = (torch.from_numpy(m).to(planes) for m in (rows, cols))
    return torch.matmul(torch.matmul(down, planes), across)


def pooled(logits: Tensor) -> Tensor:
    """Film-level sign logits (n, signs): mean of each map's highest cells."""
    n, signs, h, w = logits.shape
    flat = logits.reshape(n, signs, h * w)
    counts = [max(1, round(c.cells * h * w)) for c in channels()]
    top = torch.topk(flat, max(counts), dim=2).values
    return torch.stack([top[:, i, :k].mean(dim=1) for i, k in enumerate(counts)], dim=1)
