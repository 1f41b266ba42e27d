"""Batch augmentation: warp, exposure, noise, and painted opacities that keep the anatomy known.

Left and right are never mirrored: the heart's side is part of what is learned.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

RIGHT, LEFT, HEART = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Strength:
    """Ranges of the random changes: degrees, relative scale, relative shift, gamma (log), noise (sigma)."""

    degrees: float = 12.0
    scale: float = 0.15
    shift: float = 0.06
    gamma: float = 0.35
    noise: float = 0.03
    paint: float = 0.3


def warp(images: Tensor, masks: Tensor, strength: Strength, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Same random affine map for (n, 1, s, s) images and (n, k, s, s) masks."""
    n = images.shape[0]
    angle = _uniform(n, strength.degrees, rng) * torch.pi / 180
    scale = 1 + _uniform(n, strength.scale, rng)
    aspect = 1 + _uniform(n, strength.scale / 2, rng)
    theta = torch.stack(
        [
            torch.stack([scale * aspect * angle.cos(), -scale * angle.sin(), _uniform(n, strength.shift, rng)], 1),
            torch.stack([scale * angle.sin(), scale / aspect * angle.cos(), _uniform(n, strength.shift, rng)], 1),
        ],
        dim=1,
    )
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    both = F.grid_sample(torch.cat([images, masks], 1), grid, align_corners=False)
    return both[:, :1], both[:, 1:]


def expose(images: Tensor, strength: Strength, rng: torch.Generator) -> Tensor:
    """Random gamma, contrast, blur and noise; stays in [0, 1]."""
    n = images.shape[0]
    gamma = _uniform(n, strength.gamma, rng).exp().view(n, 1, 1, 1)
    low = torch.rand(n, 1, 1, 1, generator=rng) * 0.06
    high = 1 + (torch.rand(n, 1, 1, 1, generator=rng) - 0.5) * 0.2
    out = ((images.clamp(0, 1) + 1e-4) ** gamma - low) / (high - low)
    blurred = F.avg_pool2d(F.pad(out, (1, 1, 1, 1), mode="replicate"), 3, 1)
    pick = (torch.rand(n, 1, 1, 1, generator=rng) < 0.3).float()
    out = out * (1 - pick) + blurred * pick
    sigma = torch.rand(n, 1, 1, 1, generator=rng) * strength.noise
    return (out + sigma * torch.randn(out.shape, generator=rng)).clamp(0, 1)


def paint(images: Tensor, masks: Tensor, strength: Strength, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Brightens random parts of the lungs (veils, dense patches, basal fluid) on some films of the batch.

    Returns the images and a bool vector (n,) of the films that were painted: their labels no longer hold.
    """
    n, _, size, _ = images.shape
    lungs = masks[:, RIGHT] + masks[:, LEFT]
    chosen = (torch.rand(n, generator=rng) < strength.paint) & (lungs.sum(dim=(1, 2)) > 0)
    field = torch.rand(n, 1, 5, 5, generator=rng)
    field = F.interpolate(field, size=(size, size), mode="bicubic", align_corners=False)[:, 0]
    level = torch.rand(n, 1, 1, generator=rng) * 0.6
    veil = ((field - level) / (1 - level)).clamp(0, 1)
    rows = torch.linspace(0, 1, size).view(1, size, 1)
    line = 0.5 + 0.35 * torch.rand(n, 1, 1, generator=rng)
    fluid = torch.sigmoid((rows - line) / 0.02) * (torch.rand(n, 1, 1, generator=rng) < 0.4).float()
    one_side = torch.where(torch.rand(n, 1, 1, generator=rng) < 0.5, masks[:, RIGHT], masks[:, LEFT])
    cover = torch.maximum(veil * lungs, fluid * one_side).clamp(0, 1)
    strengths = torch.rand(n, 1, 1, generator=rng) * 0.9
    weights = masks[:, HEART].sum(dim=(1, 2)).clamp_min(1)
    dense = ((images[:, 0] * masks[:, HEART]).sum(dim=(1, 2)) / weights).clamp(0.5, 1).view(n, 1, 1)
    alpha = cover * strengths * chosen.float().view(n, 1, 1)
    painted = images[:, 0] + alpha * (dense - images[:, 0]).clamp_min(0)
    return painted.unsqueeze(1), chosen


def _uniform(n: int, half: float, rng: torch.Generator) -> Tensor:
    return (torch.rand(n, generator=rng) * 2 - 1) * half
