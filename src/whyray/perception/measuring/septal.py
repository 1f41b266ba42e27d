"""Short level lines at the pleura of the lower lungs, as a line filter sees them.

A count of such lines is no diagnosis of septal lines: rib edges and vessels that run across are among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Line, Measurement
from whyray.perception.closer.contour import shrink
from whyray.perception.closer.crop import part
from whyray.perception.measuring.borders import outer
from whyray.perception.measuring.chart import Chart, Unseen

F32 = NDArray[np.float32]
Mask = NDArray[np.bool_]

FINEST_MM = 0.3  # of a cell: finer pixels are averaged
COARSEST_MM = 0.75  # of a pixel: wider ones do not show a line of 1 mm
ACROSS_MM, ALONG_MM = 0.5, 2.2  # standard deviations of the line that is looked for
TILTS = (-20.0, -10.0, 0.0, 10.0, 20.0)  # degrees from the horizontal
LOW = (0.5, 0.95)  # shares of a lung's height
BAND_MM = 32.0  # from the pleura inwards
REACH_MM = 6.0  # between the outer end of a line and the pleura
RIM_MM = 1.5  # at the pleura itself, which is an edge
LONGEST_MM = 25.0
STANDS_OUT = 3.5  # robust standard deviations of the filter's answer in the band
VARIED = (0.85, 1.15)  # of that limit: half the difference of the counts is the uncertainty


def line_count(chart: Chart, name: str, params: Mapping[str, Any]) -> Iterator[Measurement]:
    """How many lines both sides have; each is drawn."""
    found, sigma = _lines(chart, params)
    yield Measurement(name, float(len(found)), "count", sigma, tuple(found))


def line_length(chart: Chart, name: str, params: Mapping[str, Any]) -> Iterator[Measurement]:
    """Mean length of the lines.

    Raises
    ------
    Unseen
        ``no_lines`` without any.
    """
    found, _ = _lines(chart, params)
    if not found:
        raise Unseen("no_lines")
    geometry = chart.image.geometry
    told = [geometry.distance(line.end[0] - line.start[0], line.end[1] - line.start[1]) for line in found]
    lengths = np.array([value for value, _ in told])
    sigma = float(np.hypot(lengths.std() / np.sqrt(len(lengths)), chart.told(2.0)))
    yield Measurement(name, float(lengths.mean()), told[0][1], sigma, tuple(found))


def _lines(chart: Chart, params: Mapping[str, Any]) -> tuple[list[Line], float]:
    """The lines, and the uncertainty of their number."""
    return chart.once(("septal", params["right"]), lambda: _searched(chart, params))


def _searched(chart: Chart, params: Mapping[str, Any]) -> tuple[list[Line], float]:
    mm = chart.pixel_mm(params["right"], params["left"])
    if mm > COARSEST_MM:
        raise Unseen("too_coarse")
    step = max(1, int(FINEST_MM / mm))
    least = 10.0 * chart.settings[params["least"]]
    bands = [_band(chart, params[side], side == "right", mm, step) for side in ("right", "left")]
    counts = [sum(len(_drawn(band, share, least, mm * step)) for band in bands) for share in VARIED]
    found = [line for band in bands for line in _drawn(band, 1.0, least, mm * step)]
    return found, max(abs(counts[0] - counts[1]) / 2, 0.5)


@dataclass(frozen=True, eq=False, slots=True)
class Band:
    """The filter's answer in the outer lower band of one lung, in a window of the film.

    ``crest`` are the pixels where it is greatest from top to bottom, ``depth`` pixels from the pleura inwards,
    ``limit`` the answer from which a line stands out, ``corner`` the window's (x, y);
    a cell is ``step`` source pixels wide.
    """

    answer: F32
    crest: Mask
    depth: NDArray[np.float64]
    limit: float
    corner: tuple[int, int]
    step: int


def _band(chart: Chart, lung: str, right: bool, mm: float, step: int) -> Band:
    region = chart.region(lung)
    y0, y1 = (int(region.bbox[1] + share * (region.bbox[3] - region.bbox[1])) for share in LOW)
    border = outer(chart, lung, right)[y0:y1]
    known = np.flatnonzero(np.isfinite(border))
    if len(known) < 0.9 * (y1 - y0) or not len(known):
        raise Unseen("structure_not_visible")
    border = np.interp(np.arange(len(border)), known, border[known])
    reach = round(BAND_MM / mm)
    x0, x1 = (border.min(), border.max() + reach) if right else (border.min() - reach, border.max())
    window = (max(int(x0), 0), y0, min(int(x1), chart.image.geometry.cols), y1)
    answer = _answer(shrink(chart.image.pixels[0, y0:y1, window[0] : window[2]], step), mm * step)
    rows, cols = answer.shape
    columns = np.arange(window[0], window[2])[None, :]
    depth = (columns - border[:, None]) if right else (border[:, None] - columns)
    inside = part(region, window) & (depth > RIM_MM / mm) & (depth < reach)
    inside = inside[step // 2 :: step, step // 2 :: step][:rows, :cols]
    depth = depth[step // 2 :: step, step // 2 :: step][:rows, :cols]
    if inside.sum() < reach / step:
        raise Unseen("structure_not_visible")
    values = answer[inside]
    middle = float(np.median(values))
    clutter = 1.4826 * float(np.median(np.abs(values - middle)))
    above, below = np.roll(answer, 1, axis=0), np.roll(answer, -1, axis=0)
    crest = inside & (answer >= above) & (answer > below)
    return Band(answer, crest, depth / step, middle + STANDS_OUT * clutter, window[:2], step)


def _answer(grey: F32, mm: float) -> F32:
    """Greatest answer of the line filters of all tilts."""
    from scipy.signal import fftconvolve

    rim = round(3 * ALONG_MM / mm)
    padded = np.pad(grey - grey.mean(), rim, mode="reflect" if min(grey.shape) > rim else "edge")
    answers = [fftconvolve(padded, _line_filter(mm, tilt), mode="same") for tilt in TILTS]
    return np.asarray(np.max(answers, axis=0)[rim:-rim, rim:-rim], dtype=np.float32)


def _line_filter(mm: float, tilt: float) -> F32:
    """Negative second derivative across, Gaussian along a line; zero sum, answers a fitting line with its contrast."""
    across, along = max(ACROSS_MM / mm, 1.0), ALONG_MM / mm
    half = int(3 * along) + 1
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float64)
    turn = np.deg2rad(tilt)
    u, v = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    shape = (1 - (v / across) ** 2) * np.exp(-((u / along) ** 2) / 2 - (v / across) ** 2 / 2)
    shape -= shape.mean()
    return np.asarray(shape / (shape * np.exp(-((v / across) ** 2) / 2)).sum(), dtype=np.float32)


def _drawn(band: Band, share: float, least_mm: float, mm: float) -> list[Line]:
    """Connected crests of the answer that are long enough and reach the pleura."""
    from scipy import ndimage

    labels, _ = ndimage.label(band.crest & (band.answer > share * band.limit), structure=np.ones((3, 3)))
    out = []
    for k, box in enumerate(ndimage.find_objects(labels), start=1):
        if (box[1].stop - box[1].start) * mm < 0.8 * least_mm:
            continue
        ys, xs = np.nonzero(labels[box] == k)
        ys, xs = ys + box[0].start, xs + box[1].start
        strong = band.answer[ys, xs] >= 0.5 * band.answer[ys, xs].max()  # the filter's answer halves at a line's end
        ys, xs = ys[strong], xs[strong]
        a, b = ((float(xs[i]), float(ys[xs == xs[i]].mean())) for i in (int(xs.argmin()), int(xs.argmax())))
        long = (float(np.hypot(b[0] - a[0], b[1] - a[1])) + 1.0) * mm
        if least_mm <= long <= LONGEST_MM and float(band.depth[ys, xs].min()) * mm <= REACH_MM:
            (x0, y0), (x1, y1) = (
                tuple((at + 0.5) * band.step + first for at, first in zip(end, band.corner, strict=True))
                for end in (a, b)
            )
            out.append(Line((x0, y0), (x1, y1)))
    return out
