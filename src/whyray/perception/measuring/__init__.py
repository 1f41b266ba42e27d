"""Figures of a film: lengths, angles, ratios and counts, each with unit, uncertainty and the lines that were measured.

``measure(image, observations, pack, ids) -> tuple[Figure, ...]`` takes the figures that a question asks for;
``attached(image, observations, pack)`` adds the cheap ones to the signs that they speak for. What is measured, on
which structures, and what the reference values are stands in the pack (``figures.yaml``); ``MEASURING`` are the kinds
known here. A figure whose structures do not show is undetermined with a reason, never a number.
"""

from whyray.perception.measuring.figures import MEASURING, attached, measure

__all__ = ["MEASURING", "attached", "measure"]
