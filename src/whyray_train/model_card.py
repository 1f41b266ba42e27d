"""The measured numbers of a model as a page (``docs/model_card.md``); only what `evaluate` measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

KINDS = ("fused", "film", "probe")


def page(card: Mapping[str, Any], numbers: Mapping[str, Any]) -> str:
    """Markdown of one evaluation; numbers of real films and of inserted signs stand in tables of their own."""
    parts = [
        f"# Model card: {card['id']}",
        f"Weights `{card['weights']['sha256']}`. Measured on `{numbers['split']}` at commit {numbers['commit']} with "
        f"`{numbers['command']}`. Intervals are 95 %, bootstrapped by patient. Research use, not for diagnosis.",
        "## Findings: AUC",
        _table(("finding", "reader", "network head", "frozen ImageNet features"), _findings(numbers["findings"])),
        "## Findings by view: AUC of the reader",
        _table(("finding", *numbers["findings"]["by_view"]), _views(numbers["findings"]["by_view"])),
        "## Calibration",
        _table(
            ("what", "expected calibration error, 15 bins"),
            ((k, numbers["findings"][f"calibration_error_{k}"]) for k in ("fused", "film")),
        ),
        "## Signs against study labels of real films: AUROC",
        _table(("sign", "labels", "against all other films", "against normal films"), _labelled(numbers)),
        "## Signs inserted into held-out films (simulated signs, no clinical number)",
        _table(("channel", "film AUROC", "mask AUPRC", "part of the map that is marked"), _inserted(numbers)),
        "## Pointing game on NIH boxes",
        _table(("what", "value"), numbers["pointing"].items()),
        "## False evidence on films labelled normal",
        _table(("score", "share with a named sign"), numbers["signs"]["normals_with_any_named_sign"].items()),
        "## Anatomy: Dice against accepted pseudo-labels of val",
        _table(("structure", "Dice"), _anatomy(numbers["anatomy"])),
        "## Gate: films warned about",
        _table(("films", "warned / all"), ((k, f"{v[0]} / {v[1]}") for k, v in numbers["gate"].items())),
        "## Made by",
        "\n".join(f"- `{c['command']}` at {c['commit']}" for c in card["training"]["commands"]),
        "## Limits",
        "\n".join(f"- {text}" for text in card["training"]["limits"]),
    ]
    return "\n\n".join(parts) + "\n"


def interval(value: Mapping[str, Any]) -> str:
    """``.734 (.694-.774), n = 12`` of a metric with its bounds."""
    count = f", n = {value['positives']}" if "positives" in value else ""
    return f"{_short(value['value'])} ({_short(value['low'])}-{_short(value['high'])}){count}"


def _short(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    names = list(head)
    lines = [names, ["---"] * len(names), *([str(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _findings(found: Mapping[str, Any]) -> Iterable[tuple[str, ...]]:
    for name, row in found["per_finding"].items():
        yield (name, *(interval(row[k]) for k in KINDS))
    yield ("mean of 14", *(interval(found[f"mean_{k}"]) for k in KINDS))


def _views(views: Mapping[str, Any]) -> Iterable[tuple[str, ...]]:
    for name in next(iter(views.values()))["per_finding"]:
        yield (name, *(interval(v["per_finding"][name]) for v in views.values()))
    yield ("mean of 14", *(interval(v["mean"]) for v in views.values()))


def _labelled(numbers: Mapping[str, Any]) -> Iterable[tuple[str, ...]]:
    for sign, row in numbers["signs_against_labels"].items():
        yield sign, ", ".join(row["labels"]), interval(row["all_films"]), interval(row["against_normal"])


def _inserted(numbers: Mapping[str, Any]) -> Iterable[tuple[object, ...]]:
    for channel, row in numbers["signs_on_inserted"].items():
        if isinstance(row, Mapping):
            yield channel, interval(row["auroc"]), row["mask_auprc"], row["mask_share"]


def _anatomy(found: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    return ((name, interval(value)) for name, value in found.items() if isinstance(value, Mapping))
