"""Folders -> `Pack` values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from whyray.domain import Bilingual, Counted, FigureDefinition, Pack, PackError, Places, ReportPlan, SignDefinition
from whyray.knowledge.merging import counted_sources, merge
from whyray.knowledge.parsed import Parsed, cache_folder
from whyray.knowledge.schema import validate

PACKS = Path(__file__).parents[1] / "packs"
_HEADER = "pack.yaml"
_SINGLE = ("anatomy", "measures", "templates", "terms")
_OPTIONAL = ("counted", "figures", "places", "report", "sources", "spelling")
_FOLDERS = ("signs", "diagnoses", "rules", "differentials")


def load_pack(folder: Path) -> Pack:
    """Load the pack of a folder.

    Raises
    ------
    PackError
        A file is missing, unknown, unparsable or against the schema, or an id is there twice.
    """
    _refuse_strangers(folder)
    parsed = Parsed(folder, cache_folder())
    header = validate("header", parsed.read(_HEADER), _HEADER)
    single = {name: _single(parsed, name) for name in _SINGLE}
    optional = {name: _single(parsed, name) for name in _OPTIONAL if (folder / f"{name}.yaml").exists()}
    counted: Counted | None = optional.get("counted")
    figures: dict[str, FigureDefinition] = optional.get("figures", {})
    sources: dict[str, str] = optional.get("sources", {})
    many = {name: _many(parsed, name) for name in _FOLDERS}
    parsed.keep()
    _refuse_duplicates(
        "measures",
        (
            (name, file)
            for file, group in (("measures.yaml", single["measures"]), ("figures.yaml", figures))
            for name in group
        ),
    )
    anatomy = single["anatomy"]
    for kind, entries in (("structures", anatomy.structures), ("zones", anatomy.zones)):
        _refuse_duplicates(kind, ((entry.id, "anatomy.yaml") for entry in entries))
    return Pack(
        id=header.id,
        version=header.version,
        name=header.name,
        match=header.match,
        model=header.model,
        structures=anatomy.structures,
        zones=anatomy.zones,
        signs=many["signs"],
        diagnoses=merge(many["diagnoses"], counted),
        rules=many["rules"],
        terms=(*single["terms"], *optional.get("spelling", ())),
        templates=single["templates"],
        measures={**single["measures"], **{name: figure.name for name, figure in figures.items()}},
        settings=header.settings,
        differentials=many["differentials"],
        places=optional.get("places", Places()),
        report=optional.get("report", ReportPlan()),
        counted=counted,
        figures=figures,
        sources={**counted_sources(counted, sources), **sources},
        cautions=header.cautions,
    )


def load_packs(root: Path | None = None) -> tuple[Pack, ...]:
    """Load every pack below `root`, ordered by folder name.

    Parameters
    ----------
    root
        Folder whose sub-folders are packs; the packs of the installed package when None.

    Raises
    ------
    PackError
        ``PACK_NONE`` when there is none, ``PACK_ID_TWICE`` when two share an id, and what `load_pack` raises.
    """
    root = PACKS if root is None else root
    folders = sorted(path.parent for path in root.glob(f"*/{_HEADER}"))
    if not folders:
        raise PackError(
            "PACK_NONE",
            Bilingual(f"文件夹 {root.name} 中没有知识包。", f"The folder {root.name} has no knowledge pack."),
            Bilingual("请重新安装或指定其他文件夹。", "Install the package again or name another folder."),
        )
    packs = tuple(load_pack(folder) for folder in folders)
    _refuse_duplicates("packs", ((pack.id, folder.name) for pack, folder in zip(packs, folders, strict=True)))
    return packs


def _single(parsed: Parsed, name: str) -> Any:
    file = f"{name}.yaml"
    return validate(name, parsed.read(file), file)


def _many(parsed: Parsed, name: str) -> tuple[Any, ...]:
    """Entries of all files of a sub-folder, in the order of the file names."""
    entries: list[tuple[Any, str]] = []
    for path in sorted((parsed.folder / name).glob("*.yaml")):
        file = f"{name}/{path.name}"
        entries += [(_grouped(entry, path.stem), file) for entry in validate(name, parsed.read(file), file)]
    _refuse_duplicates(name, ((entry.id, file) for entry, file in entries))
    return tuple(entry for entry, _ in entries)


def _grouped(entry: Any, group: str) -> Any:
    """Give a sign the name of its file."""
    return replace(entry, group=group) if isinstance(entry, SignDefinition) else entry


def _refuse_duplicates(kind: str, ids: Iterator[tuple[str, str]]) -> None:
    seen: dict[str, str] = {}
    for entry_id, file in ids:
        if entry_id in seen:
            raise PackError(
                "PACK_ID_TWICE",
                Bilingual(f"{kind} 中的标识“{entry_id}”重复：{seen[entry_id]} 与 {file}。",
                          f'The id "{entry_id}" of {kind} is there twice: in {seen[entry_id]} and {file}.'),
                Bilingual("请改名或删除其中之一。", "Rename or remove one of them."),
            )  # fmt: skip
        seen[entry_id] = file


def _refuse_strangers(folder: Path) -> None:
    """Refuse unknown YAML files: a misspelt one would silently not be read."""
    known = {Path(_HEADER), *(Path(f"{name}.yaml") for name in (*_SINGLE, *_OPTIONAL))}
    allowed = ", ".join((*(path.name for path in sorted(known)), *(f"{name}/*.yaml" for name in _FOLDERS)))
    for path in sorted((*folder.rglob("*.yaml"), *folder.rglob("*.yml"))):
        inside = path.relative_to(folder)
        in_folder = len(inside.parts) == 2 and inside.parts[0] in _FOLDERS and path.suffix == ".yaml"
        if inside not in known and not in_folder:
            raise PackError(
                "PACK_FILE_UNKNOWN",
                Bilingual(f"知识包不认识文件 {inside.as_posix()}。", f"A pack has no {inside.as_posix()}."),
                Bilingual(f"可用的有 {allowed}。", f"It has {allowed}."),
            )
