"""``python benchmarks/read.py [FILM]``: how long a read takes, and how that compares.

Prints median and 95th percentile of a warm read, wall time of a cold ``whyray ask``, peak memory of that process, and
the ratio of the warm read to one forward pass of an untrained DenseNet-121 at 320 px in the same onnxruntime with
the same threads, in the same run. Needs the ``train`` extra for the rival.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
import onnxruntime

from whyray.engines.onnx import THREADS
from whyray.service import Reader, Settings


def warm(film: Path, rounds: int) -> list[float]:
    """Milliseconds of `rounds` reads of a film that is never in the cache, after two that are not counted."""
    reader = Reader(Settings(cached_readings=0))
    times = []
    for _ in range(rounds + 2):
        started = perf_counter()
        reader.read(film)
        times.append(1000 * (perf_counter() - started))
    return times[2:]


def rival(rounds: int) -> list[float]:
    """Milliseconds of DenseNet-121 (untrained, 320 px) in onnxruntime."""
    import torch
    from monai.networks.nets import DenseNet121

    net = DenseNet121(spatial_dims=2, in_channels=1, out_channels=14).eval()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "densenet.onnx"
        program = torch.onnx.export(net, (torch.zeros(1, 1, 320, 320),), dynamo=True)
        program.save(str(file), external_data=False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        feed = {session.get_inputs()[0].name: np.zeros((1, 1, 320, 320), np.float32)}
        times = []
        for _ in range(rounds + 2):
            started = perf_counter()
            session.run(None, feed)
            times.append(1000 * (perf_counter() - started))
    return times[2:]


def cold(film: Path, rounds: int) -> list[float]:
    """Seconds of ``whyray ask FILM 'why edema?'`` as a fresh process."""
    command = [str(Path(sys.executable).parent / "whyray"), "ask", str(film), "why edema?"]
    times = []
    for _ in range(rounds):
        started = perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(perf_counter() - started)
    return times


def main() -> None:
    """Runs all three and prints one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    shipped = Path(__file__).parent.parent / "src" / "whyray" / "demo" / "edema.dcm"
    parser.add_argument("film", type=Path, nargs="?", default=shipped)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    asked = cold(options.film, 5)
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    reads, forwards = warm(options.film, options.rounds), rival(options.rounds)
    print(f"warm read      median {statistics.median(reads):7.1f} ms   p95 {np.percentile(reads, 95):7.1f} ms")
    print(f"DenseNet-121   median {statistics.median(forwards):7.1f} ms   (one forward, 320 px, {THREADS} threads)")
    print(f"ratio          {statistics.median(reads) / statistics.median(forwards):7.2f}")
    print(f"cold ask       median {statistics.median(asked):7.2f} s    max {max(asked):7.2f} s")
    print(f"peak memory    {memory:7.0f} MB (cold ask, largest child)")


if __name__ == "__main__":
    main()
