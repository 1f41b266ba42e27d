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

LUNGS = [STRUCTURES.index("right_lung"), STRUCTURES.index("left_lung")]
HOLES = 64  # cells a side of the grid on which broad brightness is in-painted
HOLE = (0.02, 0.25)  # part of the free lung that is in-painted


@dataclass(frozen=True, slots=True)
class Strength:
    """Ranges of the random changes: degrees, relative scale, relative shift, gamma (log), noise (sigma), shading;
    shares of mirrored and of in-painted films."""

    degrees: float = 15.0
    scale: float = 0.2
    shift: float = 0.08
    gamma: float = 0.4
    noise: float = 0.03
    shade: float = 0.08
    mirror: float = 0.2
    holes: float = 0.3


def batch(given: Batch, rng: torch.Generator, strength: Strength | None = None) -> Batch:
    """The batch, changed at random; coverage masks stay in [0, 1]."""
    strength = strength or Strength()
    flipped = inpainted(mirrored(given, strength.mirror, rng), strength.holes, rng)
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


def inpainted(given: Batch, share: float, rng: torch.Generator) -> Batch:
    """In-paints a random part of the lungs that holds no marked sign on `share` of the films with known lungs.

    The reader tests a conclusion by erasing regions (``whyray.explain.erase``); a film-level score that reacted to
    the in-painting itself would fail that test wherever it looks. As there, only the broad brightness is replaced,
    from the rest of the lungs, by normalised convolution.
    """
    known = given.anatomy_weight[:, LUNGS].amin(dim=1) > 0
    chosen = torch.nonzero((torch.rand(len(given.images), generator=rng) < share) & known).flatten()
    if not len(chosen):
        return given
    images = given.images.clone()
    size = images.shape[-1]
    lungs = F.interpolate(given.anatomy[chosen][:, LUNGS].amax(dim=1, keepdim=True), (HOLES, HOLES), mode="area")
    signs = F.interpolate(given.signs[chosen].amax(dim=1, keepdim=True), (HOLES, HOLES), mode="area")
    for row, lung, sign in zip(chosen.tolist(), lungs, signs, strict=True):
        free = (lung[0] > 0.5) & (F.max_pool2d(sign, 5, 1, 2)[0] < 0.05)
        places = torch.nonzero(free)
        if not len(places):
            continue
        centre = places[int(torch.randint(len(places), (1,), generator=rng))]
        part = HOLE[0] + (HOLE[1] - HOLE[0]) * float(torch.rand(1, generator=rng))
        distance = (places - centre).square().sum(dim=1)
        nearest = distance.argsort(stable=True)[: max(1, round(part * len(places)))]
        hole = torch.zeros(HOLES, HOLES)
        hole[tuple(places[nearest].T)] = 1.0
        low = F.interpolate(images[row : row + 1], (HOLES, HOLES), mode="area")
        giving = (lung > 0.5).float() * (1 - F.max_pool2d(hole[None, None], 5, 1, 2)[0])
        change = (filled(low, giving[None]) - blurred(low, 1.0)) * (2 * blurred(hole[None, None], 0.5)).clamp(max=1.0)
        images[row] += F.interpolate(change, (size, size), mode="bilinear", align_corners=False)[0]
    return replace(given, images=images.clamp(0, 1))


def filled(values: Tensor, giving: Tensor) -> Tensor:
    """(1, 1, h, w) everywhere, from the nearest scale at which `giving` cells are found."""
    out, settled = torch.zeros_like(values), torch.zeros_like(values)
    for sigma in (0.5, 1.0, 2.0, 4.0, 8.0, 16.0):
        total = blurred(giving, sigma)
        trust = (total / 0.05).clamp(0, 1) * (1 - settled)
        out += blurred(values * giving, sigma) / total.clamp_min(1e-6) * trust
        settled += trust
    mean = (values * giving).sum() / giving.sum().clamp_min(1.0)
    return out + mean * (1 - settled)


def blurred(values: Tensor, sigma: float) -> Tensor:
    """(1, 1, h, w) convolved with a Gaussian of `sigma` cells; the edge is repeated."""
    reach = max(1, round(3 * sigma))
    taps = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    taps /= taps.sum()
    across = F.conv2d(F.pad(values, (reach, reach, 0, 0), mode="replicate"), taps.view(1, 1, 1, -1))
    return F.conv2d(F.pad(across, (0, 0, reach, reach), mode="replicate"), taps.view(1, 1, -1, 1))


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
