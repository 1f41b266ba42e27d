import logging
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml

pytest.importorskip("torch")
pytest.importorskip("sklearn")

from train.toys import film
from whyray_train import anatomy_eval, erasure_eval, evaluate, model_card, sign_eval, spread
from whyray_train.films import NORMAL_LABEL

INTERVAL = {"value": 0.5, "low": 0.4, "high": 0.6, "films": 3}
PART = {"median": 0.2, "lower": 0.1, "upper": 0.3, "abs_median": 0.2, "abs_90": 0.4}
ERASED = {"n": 2, "fused": PART, "film": PART, "gate_change": 0.5, "distance_ratio": 0.9}


def options(folder: Path, **changes: Any) -> Namespace:
    given = {"data": folder, "ct": None, "runs": None, "split": "val", "seeds": 2, "cache": folder, "erased": 0}
    return Namespace(**{**given, **changes})


def measured(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A reader, and measurements that give their own names back."""
    monkeypatch.setattr(anatomy_eval, "on_projections", lambda *_: {"was": "ct"})
    monkeypatch.setattr(anatomy_eval, "on_human_lungs", lambda *_: {"was": "human"})
    monkeypatch.setattr(spread, "measure", lambda *_: {"was": "seeds"})
    monkeypatch.setattr(erasure_eval, "erasure", lambda *given: {"was": given[-1]})
    return SimpleNamespace(packs=(None,), engine=lambda pack: None)


def test_what_needs_a_missing_file_is_left_out_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    reader = measured(monkeypatch)
    with caplog.at_level(logging.WARNING):
        found = evaluate.where_present(options(tmp_path, ct=tmp_path / "none.npz"), reader)  # type: ignore[arg-type]
    assert found == {}
    assert "anatomy_ct is left out: no" in caplog.text
    assert "seeds is left out: not asked for" in caplog.text


def test_what_is_there_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = measured(monkeypatch)
    (tmp_path / "open_lungs").mkdir()
    for name in ("ct.npz", "net.pt"):
        (tmp_path / name).touch()
    given = options(tmp_path, ct=tmp_path / "ct.npz", runs=tmp_path, erased=7)
    found = evaluate.where_present(given, reader)  # type: ignore[arg-type]
    assert {k: v["was"] for k, v in found.items()} == {
        "anatomy_ct": "ct", "anatomy_human": "human", "seeds": "seeds", "erasure": 7,
    }  # fmt: skip


def test_named_signs_together_are_compared_with_the_label_of_their_finding() -> None:
    items = [film(label, patient=str(i)) for i, label in enumerate(["Edema"] * 4 + ["Mass"] * 4)]
    log_odds = np.array([[1.0, 0.0]] * 4 + [[0.0, 1.0]] * 3 + [[2.0, 1.0]])
    got = sign_eval.together_against_labels(items, ["Edema", NORMAL_LABEL], log_odds)
    assert list(got) == ["all named signs of Edema"]
    assert got["all named signs of Edema"]["all_films"]["value"] == 0.75


def test_false_evidence_is_counted_by_film_and_by_sign() -> None:
    """Four normal films: two with one strong sign of two, one of them with the other too, one nearly."""
    items = [film(NORMAL_LABEL, patient=str(i)) for i in range(4)] + [film("Mass", patient="9")]
    signs = {
        "wings": np.array([0.9, 0.2, 0.86, 0.8, 0.99]),
        "lump": np.array([0.1, np.nan, 0.95, 0.1, 0.99]),
        "closer": np.full(5, np.nan),
    }
    none = np.zeros((5, 0))
    scores = evaluate.Scores(items, [], none > 0, none, none, none, signs, np.zeros(5))
    got = evaluate.sign_numbers(scores)
    assert got["normals"] == 4
    assert got["normals_with_any_named_sign"] == {"0.75": 0.75, "0.85": 0.5}
    assert got["normals_interval"]["0.85"] == [pytest.approx(0.150, abs=1e-3), pytest.approx(0.850, abs=1e-3)]
    assert got["strong_on_normals"] == {"wings": 2, "lump": 1}
    assert yaml.safe_load(yaml.safe_dump(got)) == got  # what a card can hold


def numbers() -> dict[str, Any]:
    """Numbers of one evaluation with nothing that needs further files."""
    auc = {**INTERVAL, "positives": 1, "total": 3}
    kinds = dict.fromkeys(model_card.KINDS, auc)
    return {
        "split": "val",
        "commit": "abc",
        "command": "evaluate",
        "findings": {
            "per_finding": {"Mass": kinds},
            **{f"mean_{k}": auc for k in model_card.KINDS},
            "by_view": {"PA": {"mean": auc, "per_finding": {"Mass": auc}}},
            "calibration_error_fused": 0.1,
            "reliability": [[0.05, 0.04, 90]],
            "calibration_error_film": 0.1,
        },
        "signs_against_labels": {},
        "signs_on_inserted": {},
        "pointing": {},
        "signs": {
            "normals_with_any_named_sign": {"0.85": 0.25},
            "normals_interval": {"0.85": [0.046, 0.699]},
            "strong_on_normals": {"wings": 1},
        },
        "anatomy": {},
        "gate": {},
    }


def test_the_page_shows_what_was_measured_and_no_more() -> None:
    card = {"id": "x", "weights": {"sha256": "0"}, "training": {"commands": [], "limits": []}}
    bare = model_card.page(card, numbers())
    auc = {**INTERVAL, "positives": 1, "total": 3}
    more = {
        "kerley_b": {"source": "lines", "lines": 9, "films": 3, "false_lines_a_film": 0.5, "sensitivity": INTERVAL},
        "anatomy_ct": {"truth": "exact masks", "trachea": INTERVAL},
        "anatomy_human": {"truth": "human", "lungs": INTERVAL},
        "heart_ratio": {"view": "PA", "label": "Big", "unmeasured": 0, "mean_ratio": [0.5, 0.4], "auc": auc},
        "seeds": {"varies": "head", "all_films": 0.75, "redrawn": [0.74, 0.73], "standard_deviation": 0.007},
        "erasure": {
            "label": "Ill",
            "chosen": "clear",
            "erasers": {"clear": dict.fromkeys(("all_reasons", "control", "normal"), ERASED)},
        },
    }
    full = model_card.page(card, {**numbers(), **more})
    for words in ("| trachea | .500", "human lung masks", "| Big | .500", "| .750 | .740, .730 | 0.007 |",
                  "| clear | 0.200 (0.100 to 0.300), n = 2 |", "| 9 | 3 | .500"):  # fmt: skip
        assert words in full
        assert words not in bare
    assert full.count("## ") == bare.count("## ") + len(more)
    assert "None" not in full
