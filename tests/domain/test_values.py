from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest

from whyray import domain
from whyray.domain import (
    ArgumentError,
    Bilingual,
    Geometry,
    Image,
    ImageRefused,
    ModelError,
    OutputError,
    PackError,
    WhyrayError,
)

ERRORS = {ArgumentError: 2, ImageRefused: 3, PackError: 1, ModelError: 1, OutputError: 1}


@pytest.mark.parametrize(("kind", "exit_code"), ERRORS.items())
def test_each_error_is_one_line_in_both_languages(kind: type[WhyrayError], exit_code: int) -> None:
    error = kind("SOME_CODE", Bilingual("第一行\n第二行。", "first\n  second."), Bilingual("提示\r\n。", "a\thint."))
    assert error.line() == "SOME_CODE: first second. a hint."
    assert error.line("zh") == "SOME_CODE: 第一行 第二行。 提示 。"
    assert error.exit_code == exit_code
    assert str(error).startswith("SOME_CODE")
    assert isinstance(error, WhyrayError)


def test_every_class_of_the_error_tree_is_tested_above() -> None:
    assert set(WhyrayError.__subclasses__()) == set(ERRORS)


def test_distance_is_in_pixels_without_spacing_and_in_mm_with_it() -> None:
    assert Geometry(10, 10).distance(3, 4) == (5.0, "px")
    value, unit = Geometry(10, 10, (0.5, 0.25), "PixelSpacing").distance(12, 8)  # 3 mm across, 4 mm down
    assert (value, unit) == (pytest.approx(5.0), "mm")


def test_area_is_none_without_spacing() -> None:
    assert Geometry(10, 10).area_mm2(100) is None
    assert Geometry(10, 10, (0.5, 0.2)).area_mm2(100) == pytest.approx(10.0)
    assert (Geometry(10, 10).calibrated, Geometry(10, 10, (1, 1)).calibrated) == (False, True)


def test_other_pixels_change_the_digest_and_nothing_else() -> None:
    image = Image(np.zeros((1, 4, 4), dtype=np.float32), Geometry(4, 4), "ab", "film.png", view="PA")
    other = image.with_pixels(np.ones((1, 4, 4), dtype=np.float32), "erased")
    assert other.sha256 != image.sha256
    assert other.pixels.min() == 1
    kept = [f.name for f in fields(Image) if f.name not in ("pixels", "sha256")]
    assert [getattr(other, n) for n in kept] == [getattr(image, n) for n in kept]


def test_bilingual_text_picks_and_fills_both() -> None:
    text = Bilingual("{n} 处", "{n} places").format(n=3)
    assert (text.get("zh"), text.get("en")) == ("3 处", "3 places")
    assert text.as_dict() == {"zh": "3 处", "en": "3 places"}


@pytest.mark.parametrize("value", [Bilingual("a", "b"), Geometry(1, 1)])
def test_values_are_frozen(value: object) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(value, fields(value)[0].name, "x")  # type: ignore[arg-type]


def test_all_dataclasses_of_the_domain_are_frozen_and_slotted() -> None:
    values = [getattr(domain, n) for n in domain.__all__ if hasattr(getattr(domain, n), "__dataclass_params__")]
    assert len(values) > 25
    for value in values:
        assert value.__dataclass_params__.frozen, value
        assert "__slots__" in vars(value), value
