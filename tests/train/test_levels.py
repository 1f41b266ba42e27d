from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from train import toys  # noqa: E402
from whyray_train import films, levels  # noqa: E402
from whyray_train.export import Exported  # noqa: E402
from whyray_train.network import EMBEDDING, ReaderNet  # noqa: E402

SPINE = films.STRUCTURES.index("spine")


class Known(ReaderNet):
    """Says of each cell what it is told to, whatever the film."""

    def __init__(self, p: np.ndarray) -> None:
        super().__init__(len(films.STRUCTURES), 2)
        self.p = torch.from_numpy(p)

    def outlines(self, x: torch.Tensor) -> torch.Tensor:
        return torch.logit(self.p)[None].expand(len(x), -1, -1, -1)


def test_the_level_is_the_one_that_overlaps_best_and_a_structure_that_no_film_shows_has_none() -> None:
    given = toys.source(10)
    side = given.anatomy.shape[-1]
    truth, p = (
        np.zeros((len(films.STRUCTURES), side, side), np.float32),
        np.full((len(films.STRUCTURES), side, side), 0.1),
    )
    truth[SPINE, :, 10:14] = 1
    p[SPINE, :, 10:14], p[SPINE, :, 14:20] = 0.9, 0.58
    planes = np.repeat((truth[None] * 255).astype(np.uint8), len(given.images), axis=0)
    shown = replace(given, anatomy=planes, anatomy_row=np.arange(len(given.images)))
    assert levels.best(Known(p.astype(np.float32)), shown) == {"spine": 0.6}


def test_a_tie_is_left_at_one_half() -> None:
    given = toys.source(4)
    side = given.anatomy.shape[-1]
    truth = np.zeros((len(films.STRUCTURES), side, side), np.float32)
    truth[SPINE, :, 10:14] = 1
    planes = np.repeat((truth[None] * 255).astype(np.uint8), len(given.images), axis=0)
    shown = replace(given, anatomy=planes, anatomy_row=np.arange(len(given.images)))
    sure = np.where(truth > 0, 0.95, 0.05).astype(np.float32)
    assert levels.best(Known(sure), shown) == {"spine": 0.5}


def test_after_the_shift_one_half_is_the_cut_of_that_structure_and_the_signs_do_not_see_it() -> None:
    torch.manual_seed(0)
    net = ReaderNet(len(films.STRUCTURES), 2).eval()
    x = torch.rand(1, 1, 64, 64)
    gate = np.zeros(EMBEDDING, np.float32)
    with torch.no_grad():
        plain = Exported(net, gate, 0.0, levels.shifts({})).eval()(x)
        moved = Exported(net, gate, 0.0, levels.shifts({"spine": 0.6})).eval()(x)
    before, after = plain[0].sigmoid(), moved[0].sigmoid()
    sure = (before[:, SPINE] - 0.6).abs() > 1e-4
    assert torch.equal((after[:, SPINE] > 0.5)[sure], (before[:, SPINE] > 0.6)[sure])
    others = [i for i in range(len(films.STRUCTURES)) if i != SPINE]
    torch.testing.assert_close(after[:, others], before[:, others])
    torch.testing.assert_close(plain[1:], moved[1:])
