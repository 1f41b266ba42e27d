"""gdcm in a process of its own: a damaged JPEG stream aborts or crashes the process that decodes it.

``python -m whyray.imaging.isolated`` reads a DICOM file from standard input and writes its stored values as a
NumPy file to standard output. It is started by `decode_isolated` and by nobody else.
"""

from __future__ import annotations

import os
import subprocess
import sys
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SECONDS = 120


def decode_isolated(data: bytes) -> NDArray[Any]:
    """Stored values of a DICOM file through gdcm.

    Raises
    ------
    ValueError
        The stream cannot be decoded, or its decoder crashed.
    OSError
        The process cannot be started.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    command = [sys.executable, "-m", "whyray.imaging.isolated"]
    try:
        done = subprocess.run(command, input=data, capture_output=True, env=environment, timeout=_SECONDS, check=True)
    except subprocess.SubprocessError as error:
        raise ValueError("the codec failed") from error
    array: NDArray[Any] = np.load(BytesIO(done.stdout), allow_pickle=False)
    return array


def _main() -> None:
    if sys.platform != "win32":
        import resource

        # A core file of a crash would leave the patient's pixels on the disk.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from pydicom import dcmread
    from pydicom.pixels.decoders.base import get_decoder

    ds = dcmread(BytesIO(sys.stdin.buffer.read()), force=True)
    decoder = get_decoder(ds.file_meta.TransferSyntaxUID)
    # numpy asks a real file for its position, which a pipe has not.
    held = BytesIO()
    np.save(held, decoder.as_array(ds, decoding_plugin="gdcm")[0])
    sys.stdout.buffer.write(held.getvalue())


if __name__ == "__main__":
    _main()
