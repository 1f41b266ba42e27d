"""The side panel: a column of texts, boxes and line samples that grows downwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from whyray.domain import Bilingual
from whyray.render.fonts import draw_text, text_width
from whyray.render.layer import Layer
from whyray.render.theme import Color, Display, Theme
from whyray.render.wrap import wrap

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text: base line point relative to the panel."""

    x: float
    y: float
    text: str
    size: int
    color: Color
    anchor: str = "ls"


@dataclass(frozen=True, slots=True)
class Box:
    """A filled rectangle relative to the panel."""

    x0: float
    y0: float
    x1: float
    y1: float
    color: Color


@dataclass(frozen=True, slots=True)
class Swatch:
    """A sample of a layer's line and, for a numbered layer, its badge."""

    x: float
    y: float
    layer: Layer
    number: int | None


@dataclass(slots=True)
class Panel:
    """A column that grows downwards: items are placed first and drawn when the page exists.

    Attributes
    ----------
    width
        Pixels.
    height
        What has been placed so far, in pixels.
    room
        Where the room kept for a picture begins; None without one.
    """

    theme: Theme
    lang: Display
    unit: float
    width: float
    height: float = 0.0
    texts: list[Text] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    swatches: list[Swatch] = field(default_factory=list)
    room: float | None = None

    def px(self, length: float) -> int:
        """Return a theme length in page pixels."""
        return round(length * self.unit)

    def size(self, kind: str) -> int:
        """Return a theme font size in page pixels."""
        return self.px(self.theme.type[kind])

    def space(self, length: float) -> None:
        """Empty room of `length` theme pixels."""
        self.height += self.px(length)

    def rule(self) -> None:
        """Add a thin line across the column."""
        self.boxes.append(Box(0, self.height, self.width, self.height + 1, self.theme.rgb("rule")))
        self.height += 1

    def write(self, text: str, kind: str, color: str, x: float = 0.0, width: float | None = None) -> None:
        """Add a paragraph, broken to `width` (default: the rest of the column)."""
        size = self.size(kind)
        room = (self.width if width is None else width) - (x if width is None else 0)
        for line in wrap(text, room, lambda part: text_width(part, size)):
            self.height += size * self.theme.type["leading"]
            self.texts.append(Text(x, round(self.height - 0.28 * size), line, size, self.theme.rgb(color)))

    def write_both(self, text: Bilingual, kinds: tuple[str, str], colors: tuple[str, str], x: float = 0.0,
                   width: float | None = None) -> None:  # fmt: skip
        """`text` in the figure's language; in both, Chinese over English, or on one line if small."""
        one = f"{text.zh} / {text.en}"
        room = self.width - x if width is None else width
        if self.lang == "both" and kinds[0] == "small" and text_width(one, self.size(kinds[1])) <= room:
            self.write(one, kinds[1], colors[0], x, width)
        elif self.lang == "both":
            self.write(text.zh, kinds[0], colors[0], x, width)
            if text.en != text.zh:
                self.write(text.en, kinds[1], colors[1], x, width)
        else:
            self.write(text.get(self.lang), kinds[0], colors[0], x, width)

    def draw(self, draw: ImageDraw, left: int, top: int) -> None:
        """Paint texts and boxes with the column's corner at (left, top); swatches need an `Ink`."""
        for box in self.boxes:
            draw.rectangle((left + box.x0, top + box.y0, left + box.x1 - 1, top + box.y1 - 1), fill=box.color)
        for item in self.texts:
            draw_text(draw, (left + item.x, top + item.y), item.text, item.size, item.color, item.anchor)
