"""The theme: every colour, size, dash pattern and fixed word of a figure, read from ``theme.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml

from whyray.domain import Bilingual, Lang, OutputError

_STRICT = {"extra": "forbid"}
FOLDER = Path(__file__).parent
Color = tuple[int, int, int]
Display = Lang | Literal["both"]


@dataclass(frozen=True, slots=True)
class Slot:
    """A colour (``#RRGGBB``) with its dash pattern (drawn and empty lengths in turn; empty = solid)."""

    __pydantic_config__ = _STRICT
    color: str
    dash: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Style:
    """How a kind of layer is drawn: fill and halo alpha in [0, 1], lengths in pixels."""

    __pydantic_config__ = _STRICT
    fill: float
    stroke: float
    halo: float
    halo_alpha: float
    badge: float


@dataclass(frozen=True, slots=True)
class Contour:
    """Where the contour runs; lengths in pixels."""

    __pydantic_config__ = _STRICT
    clearance: float
    smooth: float
    cap: float


@dataclass(frozen=True, slots=True)
class BadgeStyle:
    """How numbers are placed beside their regions."""

    __pydantic_config__ = _STRICT
    gap: float
    second_part: float
    cell: int
    crossing: float
    leader: float
    ink_dark: str
    ink_light: str


@dataclass(frozen=True, slots=True)
class RulerStyle:
    """How measured lines and marked points are drawn; lengths in pixels, `point_side` a share of the film."""

    __pydantic_config__ = _STRICT
    offset: float
    tick: float
    gap: float
    ring: float
    symbol: float
    dash: tuple[float, ...]
    point_side: float
    reticle: float


@dataclass(frozen=True, slots=True)
class LabelStyle:
    """The words beside a line or a point; lengths in pixels."""

    __pydantic_config__ = _STRICT
    pad_x: float
    pad_y: float
    gap: float
    alpha: float
    leader_from: float
    crossing: float


@dataclass(frozen=True, slots=True)
class CloseupStyle:
    """The enlarged lesion: sizes on the page in pixels, `margin` a share, `min_side` and `smooth` in source pixels."""

    __pydantic_config__ = _STRICT
    column: int
    frame: int
    gutter: int
    gutter_top: int
    gutter_bottom: int
    margin: float
    min_side: int
    max_zoom: float
    smooth: float


@dataclass(frozen=True, slots=True)
class PairStyle:
    """Two films side by side: long side of each as a share of the size asked for."""

    __pydantic_config__ = _STRICT
    side: float


@dataclass(frozen=True, slots=True)
class FilmStyle:
    """Scaling limit of the film and the empty frame around it."""

    __pydantic_config__ = _STRICT
    max_upsample: float
    gutter_side: int
    gutter_top: int
    gutter_bottom: int
    min_block: int


@dataclass(frozen=True, slots=True)
class PanelStyle:
    """Sizes of the side panel in pixels."""

    __pydantic_config__ = _STRICT
    width: int
    pad: int
    gap: int
    row_gap: int
    text_indent: int
    value_width: int
    swatch: int
    bar: int
    bar_height: int
    anatomy_columns: int
    thumb: int
    thumb_min: int


@dataclass(frozen=True, slots=True)
class ScaleBarStyle:
    """Candidate lengths (longest first), the largest share of the film's width, tick heights."""

    __pydantic_config__ = _STRICT
    lengths_cm: tuple[float, ...]
    max_share: float
    tick: int
    minor_tick: int


@dataclass(frozen=True, slots=True)
class FontFiles:
    """The shipped font's file name and the system fonts that may stand in for a missing character."""

    __pydantic_config__ = _STRICT
    shipped: str
    fallback: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Theme:
    """The whole of ``theme.yaml``."""

    __pydantic_config__ = _STRICT
    slots: tuple[Slot, ...]
    roles: dict[str, Slot]
    styles: dict[str, Style]
    contour: Contour
    badge: BadgeStyle
    ruler: RulerStyle
    label: LabelStyle
    closeup: CloseupStyle
    pair: PairStyle
    film: FilmStyle
    panel: PanelStyle
    scale_bar: ScaleBarStyle
    colors: dict[str, str]
    type: dict[str, float]
    fonts: FontFiles
    words: dict[str, Bilingual]
    units: dict[str, str]
    decimals: dict[str, int]

    def slot(self, key: str) -> Slot:
        """Slot of a layer key: a number picks (and cycles through) the slots, a name picks a role."""
        if key.isdigit():
            return self.slots[int(key) % len(self.slots)]
        return self.roles[key] if key in self.roles else self.roles["for"]

    def rgb(self, name: str) -> Color:
        """Colour by its name under ``colors``."""
        return rgb(self.colors[name])

    def word(self, name: str, lang: Display, **values: object) -> str:
        """Return a fixed word in `lang`; both languages are joined with a thin slash."""
        return show(self.words[name].format(**values), lang)

    def number(self, value: float, unit: str) -> str:
        """Return a measured value with its unit, rounded as the theme says; an unknown unit is kept."""
        digits = self.decimals.get(unit, 2)
        return f"{value:.{digits}f}{self.units.get(unit, f' {unit}')}"


def rgb(color: str) -> Color:
    """``#RRGGBB`` -> (red, green, blue) in 0..255."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def show(text: Bilingual, lang: Display) -> str:
    """`text` in one language, or both on one line."""
    if lang != "both":
        return text.get(lang)
    return text.zh if text.zh == text.en else f"{text.zh} / {text.en}"


def parse_theme(document: Mapping[str, Any]) -> Theme:
    """Validate a theme document.

    Raises
    ------
    OutputError
        ``THEME_INVALID`` when a key is missing, unknown or of the wrong type.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(Theme).validate_python(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise OutputError(
            "THEME_INVALID",
            Bilingual(f"主题文件的 {where} 项不合规。", f"The theme is wrong at {where}: {first['msg']}."),
            Bilingual("请对照随包的 theme.yaml 修改。", "Compare it with the theme.yaml of the package."),
        ) from error


@lru_cache(maxsize=1)
def load_theme() -> Theme:
    """Return the shipped theme."""
    return parse_theme(yaml.safe_load((FOLDER / "theme.yaml").read_text(encoding="utf-8")))
