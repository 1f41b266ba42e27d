from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

from perception import scenery
from whyray.domain import Geometry, Image, Region
from whyray.perception.scene import lung_ids
from whyray_train import embedding, erasure_eval
from whyray_train.erasure_eval import Read, Rows

N = 60
LUNGS = np.zeros((2, N, N), dtype=np.bool_)
LUNGS[0, 10:50, 5:25] = LUNGS[1, 10:50, 35:55] = True
VEIL = np.zeros((N, N), dtype=np.bool_)
VEIL[10:20, 5:25] = True
FINDING = "ill"


def part(mask: np.ndarray[Any, Any]) -> Region:
    found = Region.from_mask(mask)
    assert found is not None
    return found


def reason(region: Region) -> Any:
    return SimpleNamespace(polarity="for", region=region, erase=None, within=())


def reading(sick: bool) -> Any:
    """A film whose first lung is veiled at its top when `sick`."""
    pixels = np.where(VEIL & sick, 0.8, 0.2).astype(np.float32)
    structures = [SimpleNamespace(id=i, region=part(m)) for i, m in zip(lung_ids(scenery.pack()), LUNGS, strict=True)]
    signs = [SimpleNamespace(region=part(VEIL))] if sick else []
    finding = SimpleNamespace(id=FINDING, evidence=(reason(part(VEIL)),) if sick else ())
    return SimpleNamespace(
        image=Image(pixels[None], Geometry(N, N), "digest", "film"),
        pack=scenery.pack(),
        observations=SimpleNamespace(structures=structures, signs=signs),
        finding=lambda _: finding,
    )


class Bench:
    """Reads a film as ill by its brightest part; far from the manifold by its darkest."""

    diagnosis = SimpleNamespace(id=FINDING)

    def look(self, image: Image) -> Read:
        top = float(image.pixels.max())
        return Read(top, top / 2, 2.0, np.array([image.pixels.min()], np.float32))

    def far(self, found: np.ndarray[Any, Any]) -> float:
        return 1.0 + float(found[0] < 0.1)


def black(image: Image, region: Region, donors: Any) -> Image:
    return image.with_pixels(np.where(region.mask(), 0.0, image.pixels[0])[None].astype(np.float32), "black")


def nothing(image: Image, region: Region, donors: Any) -> Image:
    return image


def test_an_eraser_is_judged_by_drop_control_and_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure_eval.explain, "ERASERS", {"black": black, "nothing": nothing})
    got = erasure_eval.measure(Bench(), [reading(True)] * 3, [reading(False)] * 2)  # type: ignore[arg-type]
    veiled = VEIL.sum() / LUNGS.any(axis=0).sum()
    assert got["share_of_lungs"] == pytest.approx(veiled, abs=1e-3)
    found, idle = got["erasers"]["black"], got["erasers"]["nothing"]
    assert (found["all_reasons"]["n"], found["control"]["n"], found["normal"]["n"]) == (3, 3, 2)
    assert found["all_reasons"]["fused"]["median"] == pytest.approx(0.6)
    assert found["all_reasons"]["film"]["median"] == pytest.approx(0.3)
    assert found["control"]["fused"]["abs_90"] == 0
    assert found["all_reasons"]["distance_ratio"] == 2
    assert idle["all_reasons"]["fused"]["median"] == 0
    assert idle["all_reasons"]["distance_ratio"] == 1
    rows = erasure_eval.table(got)
    assert [r[0] for r in rows] == ["eraser", "black", "nothing"]
    assert "0.600 (0.600 to 0.600), n = 3" in rows[1][1]


def test_free_lung_holds_no_sign_and_a_part_has_the_area_asked_for() -> None:
    free = erasure_eval.free_lung(reading(True))
    assert free is not None
    assert not (free & VEIL).any()
    assert free.sum() == LUNGS.sum() - VEIL.sum()
    for seed in range(4):
        chosen = erasure_eval.part_of(LUNGS.any(axis=0), 0.25, seed)
        assert chosen is not None
        assert chosen.area_px == LUNGS.sum() // 4
        assert not (chosen.mask() & ~LUNGS.any(axis=0)).any()
    assert erasure_eval.part_of(np.zeros((N, N), dtype=np.bool_), 0.25, 0) is None


def test_nothing_erased_is_told_as_such() -> None:
    assert erasure_eval.summary(Rows(), []) == {"n": 0}
    empty = {"all_reasons": {"n": 0}, "control": {"n": 0}, "normal": {"n": 0}}
    assert erasure_eval.table({"erasers": {"x": empty}})[1][1:5] == ("n = 0",) * 4


def test_the_embedding_is_what_the_last_node_before_an_output_reads() -> None:
    node = SimpleNamespace(input=["mean", "weight"], output=["gate"])
    graph = SimpleNamespace(node=[SimpleNamespace(input=["film"], output=["mean"]), node])
    assert embedding.before(graph, "gate") == "mean"
    with pytest.raises(ValueError, match="no output shoe"):
        embedding.before(graph, "shoe")
