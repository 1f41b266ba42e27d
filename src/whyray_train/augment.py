"""Batch augmentation: warp, mirror, exposure, shading and noise; masks follow.

A mirrored film keeps "right" at the image's left: sides are told by the picture, so the side channels change places
(a heart on the other side is then a dextrocardia). Study labels are not learned from mirrored films.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from whyray_train.films import STRUCTURES
from whyray_train.sources import Batch


@dataclass(frozen=True, slots=True)
class Strength:
    """Ranges of the random changes: degrees, relative scale, relative shift, gamma (log), noise (sigma), shading."""

    degrees: float = 15.0
    scale: float = 0.2
    shift: float = 0.08
    gamma: float = 0.4
    noise: float = 0.03
    shade: float = 0.08
    mirror: float = 0.2


def batch(given: Batch, rng: torch.Generator, strength: Strength | None = None) -> Batch:
    """The batch, changed at random; coverage masks stay in [0, 1]."""
    strength = strength or Strength()
    flipped = mirrored(given, strength.mirror, rng)
    grid = maps(len(given.images), strength, rng)
    images = expose(shade(warp(flipped.images, grid), strength, rng), strength, rng)
    return replace(flipped, images=images, anatomy=warp(flipped.anatomy, grid), signs=warp(flipped.signs, grid))


def mirrored(given: Batch, share: float, rng: torch.Generator) -> Batch:
    """Mirrors `share` of the films without study labels; side channels change places."""
    chosen = (torch.rand(len(given.images), generator=rng) < share) & (given.label_weight == 0)
    if not chosen.any():
        return given
    order = swapped()
    pick = chosen.view(-1, 1, 1, 1)
    return replace(
        given,
        images=torch.where(pick, given.images.flip(3), given.images),
        anatomy=torch.where(pick, given.anatomy[:, order].flip(3), given.anatomy),
        anatomy_weight=torch.where(chosen.view(-1, 1), given.anatomy_weight[:, order], given.anatomy_weight),
        signs=torch.where(pick, given.signs.flip(3), given.signs),
    )


def swapped() -> list[int]:
    """Position of each structure's counterpart on the other side (its own for a midline structure)."""
    other = {"right": "left", "left": "right"}
    names = []
    for name in STRUCTURES:
        side, _, rest = name.partition("_")
        names.append(f"{other[side]}_{rest}" if side in other else name)
    return [STRUCTURES.index(n) for n in names]


def maps(n: int, strength: Strength, rng: torch.Generator) -> Tensor:
    """(n, 2, 3) random affine maps in normalised coordinates."""
    angle = _uniform(n, strength.degrees, rng) * torch.pi / 180
    scale = 1 + _uniform(n, strength.scale, rng)
    aspect = 1 + _uniform(n, strength.scale / 2, rng)
    across, down = _uniform(n, strength.shift, rng), _uniform(n, strength.shift, rng)
    return torch.stack(
        [
            torch.stack([scale * aspect * angle.cos(), -scale * angle.sin(), across], 1),
            torch.stack([scale * angle.sin(), scale / aspect * angle.cos(), down], 1),
        ],
        dim=1,
    )


def warp(planes: Tensor, theta: Tensor) -> Tensor:
    """(n, c, h, w) through the affine maps; zero outside."""
    grid = F.affine_grid(theta, list(planes.shape), align_corners=False)
    return F.grid_sample(planes, grid, align_corners=False)


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


def shade(images: Tensor, strength: Strength, rng: torch.Generator) -> Tensor:
    """Slow brightness gradients, as grids, collimators and portable exposures leave them."""
    n, _, size, _ = images.shape
    field = torch.randn(n, 1, 3, 3, generator=rng)
    field = F.interpolate(field, size=(size, size), mode="bicubic", align_corners=False)
    amount = strength.shade * torch.rand(n, 1, 1, 1, generator=rng)
    return (images + amount * field).clamp(0, 1)


def _uniform(n: int, half: float, rng: torch.Generator) -> Tensor:
    return (torch.rand(n, generator=rng) * 2 - 1) * half
