"""Synthetic films, regions and a small pack for the tests of this room."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
from PIL import Image as Picture

from whyray.domain import (
    Bilingual,
    DetectorSpec,
    Evidence,
    Geometry,
    Image,
    Match,
    Measurement,
    Pack,
    Region,
    SignDefinition,
    StructureDefinition,
)
from whyray.render import Layer, load_theme

DATA = Path(os.environ.get("WHYRAY_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
THEME = load_theme()
LEFT, TOP = THEME.film.gutter_side, THEME.film.gutter_top


def film(rows=512, cols=512, spacing=None, simulated=False, value=0.4, source="PixelSpacing"):
    pixels = np.full((1, rows, cols), value, dtype=np.float32)
    pixels[0] += np.linspace(-0.2, 0.2, cols, dtype=np.float32)
    geometry = Geometry(rows, cols, spacing, source if spacing else "none")
    return Image(pixels, geometry, "0" * 64, "film.png", simulated=simulated)


def ellipse(rows, cols, x, y, rx, ry):
    ys, xs = np.mgrid[:rows, :cols]
    return Region.from_mask(((xs - x) / rx) ** 2 + ((ys - y) / ry) ** 2 < 1)


def layer(number, region, **values):
    label = Bilingual(f"征象{number}", f"Finding {number}")
    return Layer(str(number), label, region, value="0.91", **values)


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Picture.open(io.BytesIO(png))).astype(int)


def film_part(page: np.ndarray, rows: int, cols: int) -> np.ndarray:
    return page[TOP : TOP + rows, LEFT : LEFT + cols]


def words(zh: str, en: str) -> Bilingual:
    return Bilingual(zh, en)


def evidence(number, sign="s1", polarity="for", region=None, measurements=(), **values):
    return Evidence(
        f"E{number}", sign, polarity, 0.9 - 0.1 * number, 1.2, 0.4, None,
        words("右下肺野", "right lower field"), (), words("提示间质水肿", "suggests interstitial fluid"),
        "a textbook", region, measurements=measurements, **values,
    )  # fmt: skip


def pack() -> Pack:
    signs = tuple(
        SignDefinition(f"s{i}", words(f"征象{i}", f"Sign {i}"), words("定", "d"), words("意", "m"), "src",
                       DetectorSpec("k"))
        for i in (1, 2, 3)
    )  # fmt: skip
    structures = (StructureDefinition("organ", words("心脏", "Heart")),)
    return Pack("p", "1", words("包", "pack"), Match(("DX",)), "m", structures, (), signs, (), (), (), {},
                {"ratio": words("心胸比", "CTR")}, {})  # fmt: skip


RATIO = Measurement("ratio", 0.573, "ratio")
