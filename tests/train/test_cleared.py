from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch")

from train.toys import film
from whyray_train import cleared, films

HEADS = ("Edema", "Mass")


def test_each_label_with_reasons_is_erased_and_one_control_keeps_all(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The first film has reasons for one of its two labels; the second is normal; the third has no reasons."""
    items = [film("Edema|Mass", id="a"), film(films.NORMAL_LABEL, id="b"), film("Mass", id="c")]
    items = [replace(f, split="train", path=Path(f.id)) for f in items]
    monkeypatch.setattr(films, "read_table", lambda _: (items, (*HEADS, films.NORMAL_LABEL)))
    area, control = SimpleNamespace(area_px=7), SimpleNamespace(area_px=7)
    erased = []

    def erase(image: str, region: object, donors: object) -> tuple[str, object]:
        erased.append((image, region, donors))
        return image, region

    monkeypatch.setattr(cleared, "EmbeddingEngine", lambda _: "engine")
    monkeypatch.setattr(cleared, "find_folder", lambda *_: tmp_path)
    monkeypatch.setattr(cleared.explain, "eraser", lambda name: {"mine": erase}[name])
    monkeypatch.setattr(cleared.explain, "random_region", lambda region, free, seed: control)
    monkeypatch.setattr(cleared, "reasons", lambda finding: finding)
    monkeypatch.setattr(cleared, "together", lambda found, reading: (area, "given") if found == "a/edema" else None)
    monkeypatch.setattr(cleared, "free_lung", lambda _: "free")
    monkeypatch.setattr(cleared, "lungs_of", lambda _: "lungs")
    monkeypatch.setattr(cleared, "embedded", lambda engine, image: np.full(2, 1.0 if image[1] is area else 2.0))
    diagnoses = [SimpleNamespace(head=h, id=h.lower()) for h in HEADS]
    names = {item.path: item.id for item in items}
    reader = SimpleNamespace(
        packs=[SimpleNamespace(diagnoses=diagnoses, model="m")],
        settings=SimpleNamespace(model=None, eraser="mine"),
        read=lambda path, view, spacing_mm: SimpleNamespace(image="film", finding=lambda i, p=path: f"{names[p]}/{i}"),
    )
    found = cleared.gather(reader, tmp_path)  # type: ignore[arg-type]
    assert found.films.tolist() == ["a", "a"]
    assert found.heads.tolist() == [0, cleared.KEPT]
    assert found.embeddings.tolist() == [[1, 1], [2, 2]]
    assert erased == [("film", area, "given"), ("film", control, "lungs")]
