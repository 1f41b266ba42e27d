"""Millimetres: which of the spacing attributes holds, and what it is worth (PS3.3 10.7.1.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whyray.domain import Notice
from whyray.domain.image import SpacingSource
from whyray.imaging import header
from whyray.imaging.film import Spacing, plausible_spacing
from whyray.imaging.messages import limits, notice

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_CALIBRATED = ("GEOMETRY", "FIDUCIAL")


def read_spacing(ds: Dataset, rows: int, cols: int, notices: list[Notice]) -> tuple[Spacing | None, SpacingSource]:
    """(row, column) mm and their origin.

    - Pixel Spacing that differs from Imager Pixel Spacing, is calibrated, or stands alone: used as is.
    - Imager Pixel Spacing alone, or repeated as Pixel Spacing without calibration: divided by the estimated
      radiographic magnification when the header gives one; else used with the warning that it overestimates.
    - Nominal Scanned Pixel Spacing of a digitised film: used with the same kind of warning.
    - Implausible values: none, with a warning.
    """
    pixel, imager = _pair(ds, "PixelSpacing"), _pair(ds, "ImagerPixelSpacing")
    if pixel and (imager is None or _calibrated(ds, pixel, imager)):
        return _plausible(pixel, rows, cols, "PixelSpacing", notices)
    if imager:
        return _at_detector(ds, imager, rows, cols, notices)
    scanned = _pair(ds, "NominalScannedPixelSpacing")
    if scanned:
        found = _plausible(scanned, rows, cols, "ImagerPixelSpacing", notices)
        if found[0]:
            notices.append(notice("SPACING_FILM_PLANE"))
        return found
    _check_aspect(ds, notices)
    return None, "none"


def _calibrated(ds: Dataset, pixel: Spacing, imager: Spacing) -> bool:
    if header.text(ds, "PixelSpacingCalibrationType") in _CALIBRATED:
        return True
    same = limits("spacing")["same"]
    return any(abs(a - b) > same * b for a, b in zip(pixel, imager, strict=True))


def _at_detector(
    ds: Dataset, imager: Spacing, rows: int, cols: int, notices: list[Notice]
) -> tuple[Spacing | None, SpacingSource]:
    low, high = limits("spacing")["magnification"]
    factor = header.number(ds, "EstimatedRadiographicMagnificationFactor", 1.0)
    corrected = low < factor <= high
    used = (imager[0] / factor, imager[1] / factor) if corrected else imager
    found = _plausible(used, rows, cols, "ImagerPixelSpacing", notices)
    if found[0] and corrected:
        notices.append(notice("SPACING_MAGNIFICATION", factor=f"{factor:g}"))
    elif found[0]:
        notices.append(notice("SPACING_DETECTOR_PLANE"))
    return found


def _plausible(
    pair: Spacing, rows: int, cols: int, source: SpacingSource, notices: list[Notice]
) -> tuple[Spacing | None, SpacingSource]:
    widest = limits("spacing")["max_field_mm"]
    if plausible_spacing(*pair) and max(pair[0] * rows, pair[1] * cols) <= widest:
        return pair, source
    notices.append(notice("SPACING_UNUSABLE"))
    return None, "none"


def _pair(ds: Dataset, keyword: str) -> Spacing | None:
    found = header.numbers(ds, keyword)
    return (found[0], found[1]) if len(found) == 2 else None


def _check_aspect(ds: Dataset, notices: list[Notice]) -> None:
    """Without millimetres, (0028,0034) may still say that pixels are not square."""
    aspect = header.numbers(ds, "PixelAspectRatio")
    if len(aspect) == 2 and aspect[0] > 0 and abs(aspect[1] / aspect[0] - 1) > limits("spacing")["square"]:
        notices.append(notice("PIXELS_NOT_SQUARE"))
