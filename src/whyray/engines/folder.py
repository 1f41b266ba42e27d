"""Model folders: where they are, what their card says, whether the weights are intact."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from whyray.domain import Bilingual, ModelCard, ModelError, SecondLook

SHIPPED = Path(__file__).parent.parent / "models"
CARD = "card.yaml"


def find_folder(name: str, chosen: Path | None = None) -> Path:
    """Folder of model `name`: the caller's choice, else the one that the package ships.

    Raises
    ------
    ModelError
        MODEL_MISSING when there is no card in it.
    """
    folder = chosen if chosen is not None else SHIPPED / name
    if not (folder / CARD).is_file():
        raise ModelError(
            "MODEL_MISSING",
            Bilingual(f"在 {folder} 中没有找到模型卡 {CARD}。", f"There is no {CARD} in {folder}."),
            Bilingual(
                "用 --model 指定含 card.yaml 与权重文件的目录，或重新安装 whyray。",
                "Give a folder with card.yaml and weights by --model, or reinstall whyray.",
            ),
        )
    return folder


def read_card(folder: Path) -> ModelCard:
    """The card of a model folder.

    Raises
    ------
    ModelError
        CARD_INVALID when it is no YAML mapping or lacks a field.
    """
    find_folder(folder.name, folder)
    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        document = yaml.load((folder / CARD).read_text("utf-8"), Loader=loader)
        return _card(document)
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise _invalid(folder, str(error)) from error


def _card(document: Mapping[str, Any]) -> ModelCard:
    weights = document["weights"]
    return ModelCard(
        id=str(document["id"]),
        pack=str(document["pack"]),
        file=str(weights["file"]),
        sha256=str(weights["sha256"]),
        input_size=int(document["input"]["size"]),
        outputs={str(k): tuple(map(str, v["channels"])) for k, v in document["outputs"].items()},
        thresholds={str(k): float(v) for k, v in document["thresholds"].items()},
        calibration={str(k): {str(n): float(x) for n, x in v.items()} for k, v in document["calibration"].items()},
        fusion={str(k): float(v) for k, v in document["fusion"].items()},
        reference=dict(document["reference"]),
        document=dict(document),
        second=_second(document["second"], document["outputs"]["signs"]["channels"]) if "second" in document else None,
    )


def _second(entry: Mapping[str, Any], signs: Collection[str]) -> SecondLook:
    rows, cols = entry["crop"]
    right, left = entry["lungs"]
    if any(isinstance(names, str) for names in (entry["crop"], entry["channels"], entry["lungs"], *entry["beside"])):
        raise ValueError("second: crop, channels, lungs and each part of beside are lists")
    first = {str(name): float(weight) for name, weight in entry.get("first", {}).items()}
    if not first.keys() <= {*entry["channels"]} & {*signs} or not all(0 < weight < 1 for weight in first.values()):
        raise ValueError("second: first gives channels of both looks a weight between 0 and 1")
    return SecondLook(
        file=str(entry["weights"]["file"]),
        sha256=str(entry["weights"]["sha256"]),
        size=int(entry["size"]),
        crop=(int(rows), int(cols)),
        cell=int(entry["cell"]),
        stride=int(entry["stride"]),
        lungs=(str(right), str(left)),
        beside=tuple(tuple(map(str, group)) for group in entry["beside"]),
        channels=tuple(map(str, entry["channels"])),
        first=first,
    )


def _invalid(folder: Path, detail: str) -> ModelError:
    reason = " ".join(detail.split())
    return ModelError(
        "CARD_INVALID",
        Bilingual(
            f"{folder / CARD} 不是有效的模型卡（{reason}）。",
            f"{folder / CARD} is no valid model card ({reason}).",
        ),
        Bilingual("请重新导出模型目录。", "Export the model folder again."),
    )


def verify(folder: Path, weights: ModelCard | SecondLook) -> Path:
    """Path of the weights after comparing their SHA-256 with the card.

    Raises
    ------
    ModelError
        MODEL_MISSING or MODEL_ALTERED.
    """
    file = folder / weights.file
    if not file.is_file():
        raise ModelError(
            "MODEL_MISSING",
            Bilingual(f"缺少权重文件 {file}。", f"The weights {file} are missing."),
            Bilingual("请重新安装 whyray 或重新导出模型。", "Reinstall whyray or export the model again."),
        )
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if digest != weights.sha256:
        raise ModelError(
            "MODEL_ALTERED",
            Bilingual(f"{file} 的 SHA-256 与模型卡不符。", f"The SHA-256 of {file} differs from its card."),
            Bilingual("权重被改动或损坏，请重新安装。", "The weights were changed or damaged; install them again."),
        )
    return file
