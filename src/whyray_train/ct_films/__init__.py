"""ct_films: one labelled chest CT in, many varied projected films with exact masks of the twelve structures out.

The command is ``python -m whyray_train.ct_films``. Everything is seen in one frame: millimetres (depth, row, column)
from the middle of the lungs, axes posterior to anterior, superior to inferior, patient's right to left. All films
show the same patient: they teach where borders run, never how people differ in texture or disease.
"""

from whyray_train.ct_films.outlines import STRUCTURES
from whyray_train.ct_films.patient import Patient, prepare
from whyray_train.ct_films.shot import Shot, shoot
from whyray_train.ct_films.variety import Recipe, read_recipe

__all__ = ["STRUCTURES", "Patient", "Recipe", "Shot", "prepare", "read_recipe", "shoot"]
