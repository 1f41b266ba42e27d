import os
from pathlib import Path

import numpy as np
import pytest

from badinputs import encoded
from whyray.imaging import load

DATA = Path(os.environ.get("WHYRAY_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
FOLDERS = {"nih": 40, "open_lungs/images": 20, "hannover": 20, "not_adult_frontal": 20, "children": 60}
INVERTED = {"00017625_000.jpg"}


def films(folder: str) -> list[Path]:
    found = sorted((DATA / folder).glob("*.jpg")) + sorted((DATA / folder).glob("*.png"))
    if not found:
        pytest.skip(f"no films in {DATA / folder}; set WHYRAY_DATA")
    return found


@pytest.mark.parametrize("folder", FOLDERS)
def test_real_films_load_without_a_word(folder: str) -> None:
    paths = films(folder)
    if not os.environ.get("WHYRAY_ALL_FILMS"):
        paths = paths[:: max(1, len(paths) // FOLDERS[folder])]
    for path in paths:
        image = load(path)
        assert image.pixels.shape == (1, image.geometry.rows, image.geometry.cols)
        assert 0 <= image.pixels.min() <= image.pixels.max() <= 1
        if path.name not in INVERTED:
            assert image.warnings == (), path.name


def test_most_inverted_real_films_are_noticed() -> None:
    paths = films("nih")[::40]
    noticed = 0
    for path in paths:
        negative = np.rint(255 - 255 * load(path).pixels[0]).astype(np.uint8)
        noticed += "LOOKS_INVERTED" in [w.code for w in load(encoded(negative, "BMP")).warnings]
    assert noticed > 0.8 * len(paths)
