"""imaging: a file, its bytes or a DICOM object -> one `whyray.domain.Image`, or a refusal in one line.

Contract
--------
- The content decides, never the name: DICOM (with or without preamble), PNG, JPEG, TIFF, BMP.
  Sizes are checked before anything is decoded.
- Pixels leave as float32 (1, rows, cols) in [0, 1]: 0 air (black), 1 dense (white).
  8-bit pictures: value / 255. Deeper pictures and DICOM: see `load`.
- Standard orientation: patient's right on the image's left, head up. `load_oriented` also gives the exact
  inverse as an `Orientation`, so a mask found on ``Image.pixels`` returns to the pixels stored in the file.
- Nothing that identifies a person leaves: only modality, view and age in years.
- What cannot be read as one adult frontal film raises ``ImageRefused``; what can be read with care carries a
  ``Notice``. A wrong path, permission or spacing raises ``ArgumentError``.
"""

from whyray.imaging.load import load, load_oriented
from whyray.imaging.orientation import Orientation

__all__ = ["Orientation", "load", "load_oriented"]
