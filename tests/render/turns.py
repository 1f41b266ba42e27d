"""Turns of a conversation with made-up facts on synthetic films."""

from __future__ import annotations

import numpy as np

from render.films import words
from whyray.domain import Anchor, Fact, Line, Mark, Measurement, Query, Region, Turn


def blob(rows, cols, x, y, r, notches=(), spicules=()):
    """Disc with notches and spicules at clock hours."""
    ys, xs = np.mgrid[:rows, :cols]
    angle, away = np.arctan2(ys - y, xs - x), np.hypot(xs - x, ys - y)
    limit = np.full(away.shape, float(r))
    for hour in notches:
        limit -= 0.3 * r * np.exp(-((turned(angle, hour) / 0.2) ** 2))
    for hour in spicules:
        limit += 0.6 * r * np.clip(1 - np.abs(turned(angle, hour)) / 0.15, 0, None)
    return Region.from_mask(away < limit)


def turned(angle, hour):
    return np.angle(np.exp(1j * (angle - (np.pi * hour / 6 - np.pi / 2))))


def at(x, y, r, hour):
    angle = np.pi * hour / 6 - np.pi / 2
    return float(x + r * np.cos(angle)), float(y + r * np.sin(angle))


def length(id_, start, end, image):
    value, unit = image.geometry.distance(end[0] - start[0], end[1] - start[1])
    return Measurement(id_, value, unit, None, (Line(tuple(start), tuple(end)),))


def fact(number, kind="attribute", anchor="A1", **values):
    name, text = words(f"性质{number}", f"Property {number}"), words("所见", "finding")
    return Fact(f"F{number}", kind, values.pop("name", name), values.pop("text", text), anchor=anchor, **values)


def anchor(region, number=1, sign="s1"):
    return Anchor(f"A{number}", words("结节影", "Nodular shadow"), region, (), 1, sign)


def turn(intent="DESCRIBE", facts=(), items=(), correction=None, new=(), **query):
    query.setdefault("anchors", ("A1",))
    return Turn("s", 2, Query("问题", "zh", intent, **query), (), tuple(items), tuple(new), tuple(facts), correction)


def lesion(image, x=200, y=220, r=30, notches=(2, 5), spicules=(8, 10)):
    """Anchor and facts of a lobulated, spiculated lesion: notches, tips, both diameters."""
    rows, cols = image.geometry.rows, image.geometry.cols
    region = blob(rows, cols, x, y, r, notches, spicules)
    facts = (
        fact(1, marks=tuple(Mark(at(x, y, 0.7 * r, h), h) for h in notches)),
        fact(2, marks=tuple(Mark(at(x, y, 1.6 * r, h), h) for h in spicules)),
        fact(
            3,
            measurements=(
                length("long_diameter", at(x, y, r, 9), at(x, y, r, 3), image),
                length("short_diameter", at(x, y, r, 12), at(x, y, r, 6), image),
            ),
        ),
    )
    return anchor(region), facts


def apart(number, image, start, end, **values):
    """Fact of a distance with the line between edges and a longer one between centres."""
    (x0, y0), (x1, y1) = start, end
    long = (x0 - 0.15 * (x1 - x0), y0 - 0.15 * (y1 - y0)), (x1 + 0.1 * (x1 - x0), y1 + 0.1 * (y1 - y0))
    measurements = (length("edge", start, end, image), length("centre", *long, image))
    return fact(number, "distance", measurements=measurements + values.pop("extra", ()), **values)
