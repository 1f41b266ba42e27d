"""The measured numbers of a model as a page (``docs/model_card.md``); only what `evaluate` measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from whyray_train.erasure_eval import table

KINDS = ("fused", "film", "probe")


def page(card: Mapping[str, Any], numbers: Mapping[str, Any]) -> str:
    """Markdown of one evaluation; numbers of real films and of inserted signs stand in tables of their own."""
    parts = [
        f"# Model card: {card['id']}",
        f"Weights `{card['weights']['sha256']}`{_second(card)}. Measured on `{numbers['split']}` at commit "
        f"{numbers['commit']} with `{numbers['command']}`. Intervals are 95 %, bootstrapped by patient. Research use, "
        "not for diagnosis.",
        "## Findings: AUC",
        _table(("finding", "reader", "network head", "frozen ImageNet features"), _findings(numbers["findings"])),
        "## Findings by view: AUC of the reader",
        _table(("finding", *numbers["findings"]["by_view"]), _views(numbers["findings"]["by_view"])),
        "## Calibration",
        _table(
            ("what", "expected calibration error, 15 bins"),
            ((k, numbers["findings"][f"calibration_error_{k}"]) for k in ("fused", "film")),
        ),
        "## Reliability diagram of the reader, all 14 labels",
        _table(("mean probability", "share of positives", "entries"), numbers["findings"]["reliability"]),
        "## Signs against study labels of real films: AUROC",
        _table(("sign", "labels", "against all other films", "against normal films"), _labelled(numbers)),
        "## Signs inserted into held-out films (simulated signs, no clinical number)",
        _table(
            (
                "channel",
                "film AUROC of the map",
                "of the score in a reading",
                "mask AUPRC",
                "part of the map that is marked",
            ),
            _inserted(numbers),
        ),
        *_drawn(numbers),
        *_kerley(numbers),
        "## Pointing game on NIH boxes",
        _table(("what", "value"), numbers["pointing"].items()),
        "## False evidence on films labelled normal",
        _table(("score", "share with a named sign"), _false(numbers["signs"])),
        _table(("named sign", "normal films with it at 0.85"), numbers["signs"].get("strong_on_normals", {}).items()),
        "## Anatomy: Dice against accepted pseudo-labels of val",
        _table(("structure", "Dice"), _anatomy(numbers["anatomy"])),
        *_more_anatomy(numbers),
        *_erasure(numbers),
        *_seeds(numbers),
        "## Gate: films warned about",
        _table(("films", "warned / all"), ((k, f"{v[0]} / {v[1]}") for k, v in numbers["gate"].items())),
        "## Made by",
        "\n".join(f"- `{c['command']}` at {c['commit']}" for c in card["training"]["commands"]),
        "## Limits",
        "\n".join(f"- {text}" for text in card["training"]["limits"]),
    ]
    return "\n\n".join(parts) + "\n"


def _second(card: Mapping[str, Any]) -> str:
    return f", second look `{card['second']['weights']['sha256']}`" if "second" in card else ""


def _kerley(numbers: Mapping[str, Any]) -> Iterable[str]:
    """Short septal lines; nothing where they were not measured."""
    found = numbers.get("kerley_b")
    if found and "sensitivity" in found:
        yield "## Kerley B lines drawn into normal films (simulated signs, no clinical number)"
        yield _table(
            ("lines", "films", "sensitivity", "false lines a film without lines"),
            [(found["lines"], found["films"], interval(found["sensitivity"]), found["false_lines_a_film"])],
        )
        yield f"{found['source'].capitalize()}."


def _drawn(numbers: Mapping[str, Any]) -> Iterable[str]:
    """Sign maps against areas drawn by eye; nothing where they were not measured."""
    found = dict(numbers.get("signs_drawn", {}))
    if found:
        yield f"## Sign maps against {found.pop('source')} (also tuned on)"
        head = ("channel", "films", "map highest in an area", "its share of the film", "mask AUPRC", "share of cells")
        names = ("films", "hit", "area", "mask_auprc", "mask_share")
        rows = [(channel, *(row[n] for n in names), _known(row["auroc"])) for channel, row in found.items()]
        yield _table((*head, "film AUROC against clear films"), rows)


def _false(signs: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for score, share in signs["normals_with_any_named_sign"].items():
        low, high = signs["normals_interval"][score]
        yield score, f"{share} ({low}-{high})"


def _known(value: Mapping[str, Any] | None) -> str:
    return "" if value is None else interval(value)


def _more_anatomy(numbers: Mapping[str, Any]) -> Iterable[str]:
    """Dice on projections and on human masks, and the heart ratio; what was not measured is left out."""
    if "anatomy_ct" in numbers:
        yield f"## Anatomy: Dice against {numbers['anatomy_ct']['truth']}"
        yield _table(("structure", "Dice"), _anatomy(numbers["anatomy_ct"]))
    if "anatomy_human" in numbers:
        yield "## Anatomy: Dice against human lung masks (open_lungs, held-out half), outside the heart"
        yield _table(("structure", "Dice"), _anatomy(numbers["anatomy_human"]))
    ratio = numbers.get("heart_ratio", {})
    if "auc" in ratio:
        yield f"## Cardiothoracic ratio against the study label on {ratio['view']} films"
        yield _table(
            ("label", "AUC", "mean ratio with and without", "films without a ratio"),
            [
                (
                    ratio["label"],
                    interval(ratio["auc"]),
                    " and ".join(map(str, ratio["mean_ratio"])),
                    ratio["unmeasured"],
                )
            ],
        )


def _erasure(numbers: Mapping[str, Any]) -> Iterable[str]:
    if "erasure" in numbers:
        found = numbers["erasure"]
        head, *rows = table(found)
        yield f"## Counterfactual erasure, label {found['label']} (used: {found['chosen']})"
        yield _table(head, rows)


def _seeds(numbers: Mapping[str, Any]) -> Iterable[str]:
    if "seeds" in numbers:
        found = numbers["seeds"]
        yield f"## Spread over seeds: {found['varies']}; mean AUC of 14, network head"
        redrawn = ", ".join(_short(v) for v in found["redrawn"])
        cells = (_short(found["all_films"]), redrawn, found.get("standard_deviation", ""))
        yield _table(("fitted on all train films", "redrawn", "standard deviation"), [cells])


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
            yield channel, interval(row["auroc"]), _known(row.get("as_read")), row["mask_auprc"], row["mask_share"]


def _anatomy(found: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    return ((name, interval(value)) for name, value in found.items() if isinstance(value, Mapping))
