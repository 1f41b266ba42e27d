"""The one door: anything a caller may hand over -> an Image in standard orientation."""

from __future__ import annotations

import os

from whyray.domain import Geometry, Image, Notice
from whyray.imaging.checks import check_content
from whyray.imaging.film import Film, Spacing, caller_spacing
from whyray.imaging.messages import kind_name, limits, notice, refused
from whyray.imaging.orientation import Orientation
from whyray.imaging.source import PICTURES, Source, read_source


def load(
    source: str | os.PathLike[str] | bytes,
    *,
    name: str | None = None,
    spacing_mm: float | tuple[float, float] | None = None,
    max_pixels: int | None = None,
) -> Image:
    """Read one frontal chest film.

    Parameters
    ----------
    source
        Path or bytes of a DICOM object, PNG, JPEG, TIFF or BMP; the content decides which.
    name
        What to call it (``Image.path``); the path itself by default.
    spacing_mm
        Distance of pixel centres in mm, one number or (row, column) of the standard orientation; overrides
        the header.
    max_pixels
        Largest rows x cols that is decoded; 40 million by default (``limits.yaml``).

    Returns
    -------
    Image
        ``pixels`` float32 (1, rows, cols) in [0, 1], 0 air, 1 dense, patient's right on the image's left.

        - 8-bit picture: value / 255.
        - Deeper picture: value / 65535 when the 0.5th to 99.5th percentile span at least half of the 16-bit
          range (float: the value itself when it lies in [0, 1] and spans half of it); else those percentiles
          become 0 and 1, values beyond are clipped.
        - DICOM: stored value -> modality LUT or rescale -> VOI LUT, else first window, else those percentiles
          without padding; MONOCHROME1 is inverted last; padding is 0 (PS3.3 C.11.1, C.11.2, C.7.6.3.1.2).

    Raises
    ------
    ArgumentError
        FILE_NOT_FOUND, IS_A_DIRECTORY, NOT_A_FILE, NO_PERMISSION, FILE_UNREADABLE, SPACING_INVALID.
    ImageRefused
        Everything that is no readable frontal chest film; codes in ``messages.yaml``.
    """
    return load_oriented(source, name=name, spacing_mm=spacing_mm, max_pixels=max_pixels)[0]


def load_oriented(
    source: str | os.PathLike[str] | bytes,
    *,
    name: str | None = None,
    spacing_mm: float | tuple[float, float] | None = None,
    max_pixels: int | None = None,
) -> tuple[Image, Orientation]:
    """Load as `load` does and give the turn applied: ``turn.invert(mask)`` lies on the stored pixels."""
    given = caller_spacing(spacing_mm)
    most = limits("file")["max_pixels"] if max_pixels is None else max_pixels
    file = read_source(source, name)
    film = _decode(file, most)
    geometry, spoken = _geometry(film, given)
    pixels = film.pixels if film.orientation.identity else film.orientation.apply(film.pixels)
    seen = check_content(pixels)
    image = Image(
        pixels=pixels[None],
        geometry=geometry,
        sha256=file.sha256,
        path=file.path,
        modality=film.modality,
        view=film.view,
        age_years=film.age_years,
        simulated=film.simulated,
        warnings=(*file.notices(), *film.notices, *spoken, *seen),
    )
    return image, film.orientation


def _decode(file: Source, max_pixels: int) -> Film:
    if file.kind == "dicom":
        from whyray.imaging.dicom import decode_dicom

        return decode_dicom(file.data, max_pixels)
    if file.kind in PICTURES:
        from whyray.imaging.picture import decode_picture

        return decode_picture(file.data, file.kind, max_pixels)
    if file.kind == "nifti":
        raise refused("NIFTI_UNSUPPORTED")
    pictures_not_read = ("gif", "webp", "jp2", "heic")
    code = "FORMAT_UNSUPPORTED" if file.kind in pictures_not_read else "NOT_AN_IMAGE"
    raise refused(code, kind=kind_name(file.kind))


def _geometry(film: Film, given: Spacing | None) -> tuple[Geometry, tuple[Notice, ...]]:
    """Geometry in standard orientation; the caller's spacing wins over the header's."""
    rows, cols = film.pixels.shape
    spacing = film.spacing
    if film.orientation.transpose:
        rows, cols = cols, rows
        spacing = None if spacing is None else (spacing[1], spacing[0])
    said: list[Notice] = []
    own = limits("spacing")
    final, source = (given, "caller") if given else (spacing, film.spacing_source)
    if given and spacing and any(abs(a - b) > own["square"] * b for a, b in zip(given, spacing, strict=True)):
        said.append(notice("SPACING_OVERRIDDEN"))
    if final and abs(final[0] - final[1]) > own["square"] * final[0]:
        said.append(notice("PIXELS_NOT_SQUARE"))
    return Geometry(rows, cols, final, source), tuple(said)
