import numpy as np
import pytest

pytest.importorskip("torch")

from whyray.domain import Attribute, Look, Measurement, Observations, Quality, Region, SignObservation
from whyray_train import closer_eval


def disc(radius: float, x: float = 100, rows: int = 200) -> Region:
    y, across = np.ogrid[:rows, :rows]
    found = Region.from_mask((y - 100) ** 2 + (across - x) ** 2 <= radius**2)
    assert found is not None
    return found


def seen(*marks: Region | None) -> Observations:
    signs = tuple(SignObservation(str(i), True, 0.9, region=mark) for i, mark in enumerate(marks))
    return Observations("0" * 64, "toy", (), {}, signs, {}, Quality(True, None))


def test_sizes_are_compared_with_those_of_the_body_itself() -> None:
    told = Attribute(
        "size",
        "measured",
        (
            Measurement("long_diameter", 44.0, "mm", 2.0),
            Measurement("short_diameter", 36.0, "mm"),
            Measurement("area", 1400.0, "mm2", 100.0),
            Measurement("notch_depth", 3.0, "mm"),
        ),
    )
    found = closer_eval.sizes(Look(disc(40), (told,), ()), disc(40), mm=0.5)
    assert found["long_diameter"] == (44.0, 2.0, pytest.approx(40.5, abs=0.6))
    assert found["short_diameter"] == (36.0, 0.0, pytest.approx(40.5, abs=0.6))
    assert found["area"] == (1400.0, 100.0, pytest.approx(np.pi * 20**2, rel=0.01))
    assert set(found) == {"long_diameter", "short_diameter", "area"}


def test_the_mark_of_a_body_is_the_smallest_that_overlaps_it() -> None:
    body = disc(30)
    smallest = disc(33)
    assert closer_eval.marked(seen(disc(40), smallest, disc(90), None), body) is smallest
    assert closer_eval.marked(seen(disc(90), disc(10), disc(30, x=160)), body) is None


def test_sizes_tell_bias_spread_and_how_often_the_uncertainty_holds() -> None:
    """Ten smooth bodies told 10 % short and up to 5 % off that, with 8 % told; a spiculated one does not count."""
    rows = [
        {"form": "smooth", "sizes": {"true_mark": {"long_diameter": (20 * (0.9 + off), 1.6, 20.0)}}}
        for off in np.linspace(-0.05, 0.05, 10)
    ]
    rows.append({"form": "spiculated", "sizes": {"true_mark": {"long_diameter": (90.0, 1.0, 20.0)}}})
    found = closer_eval.sizes_off(rows, "true_mark")
    assert set(found) == {"long_diameter"}
    assert found["long_diameter"]["n"] == 10
    assert found["long_diameter"]["off"] == [pytest.approx(-0.1), pytest.approx(0.034, abs=0.004)]
    assert found["long_diameter"]["within"] == [0.3, 1.0]
    assert closer_eval.sizes_off(rows, "network_mark") == {}
