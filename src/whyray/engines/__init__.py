"""engines: run a network and name its outputs; nothing here knows medicine.

``create(label, folder)`` looks the label up in a registry of import paths and returns a ``domain.Engine``.
A model folder holds one weights file and ``card.yaml``; the file's SHA-256 must equal the card's.
``onnx`` is the default. ``fake`` answers with given arrays, for tests; it says so in its model id and label.
"""

from whyray.engines.folder import find_folder, read_card
from whyray.engines.registry import ENGINES, create

__all__ = ["ENGINES", "create", "find_folder", "read_card"]
