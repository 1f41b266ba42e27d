"""whyray: a chest X-ray reader that answers "why?" with located, measured, tested evidence. Research use.

``from whyray.service import Reader`` is the programming entry point; ``whyray`` is the command line.
"""

__version__ = "0.1.0"
