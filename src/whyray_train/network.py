"""The reader network: anatomy, signs gated by it, and a film-level head whose class maps are exact."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from whyray_train.gating import SignConvGating
from whyray_train.lite0 import EARLY, HEAD, STAGES, Backbone, Stages, doubled, separable

# Stages of the dense trunk: fewer coarse blocks than EfficientNet-Lite0 has.
OWN = (*STAGES[EARLY:5], (6, 192, 2, 2, 5))
HALF, QUARTER = (channels for _, channels, *_ in STAGES[:EARLY])
FINE = 64  # features at quarter resolution that outlines are read from
SIGN_WIDTHS = (48, 64, 80, 96)  # of the maps that signs are read from, at strides 4 to 32
EMBEDDING = 2 * HEAD  # what is told of the whole film is told from: the backbone's last map, and the peer's


class DenseTrunk(nn.Module):
    """Fine maps of the backbone -> features at quarter resolution, through later stages of its own.

    On the later stages that tell diseases, decoders fitted the outlines that they learned from little better than
    held-out ones (``docs/decisions/0019``): what tells a disease does not place an outline. The early stages are
    shared. Signs stay on the stages that tell diseases, and see these features beside them without changing them: where
    both learned together, signs left their places on real films.
    """

    def __init__(self) -> None:
        super().__init__()
        self.own = Stages(OWN, QUARTER)
        taps, widths = (QUARTER, 40, 112, 192), (FINE, 80, 96, 128)
        self.lateral = nn.ModuleList(nn.Conv2d(c, w, 1) for c, w in zip(taps, widths, strict=True))
        self.narrow = nn.ModuleList(nn.Conv2d(widths[i + 1], widths[i], 1) for i in range(3))
        self.smooth = nn.ModuleList(separable(w) for w in widths)
        self.edge = nn.Conv2d(HALF, FINE, 2, 2)

    def forward(self, half: Tensor, quarter: Tensor) -> Tensor:
        """Maps at strides 2 and 4 -> (n, FINE, s / 4, s / 4)."""
        taps = [quarter, *self.own(quarter)]
        y = self.smooth[3](self.lateral[3](taps[3]))
        for i in (2, 1, 0):
            y = doubled(self.narrow[i](y)) + self.lateral[i](taps[i])
            y = self.smooth[i](y + self.edge(half) if i == 0 else y)
        found: Tensor = y
        return found


class AnatomyHead(nn.Module):
    """Features at quarter resolution -> anatomy logits at half resolution, four to a cell."""

    def __init__(self, structures: int) -> None:
        super().__init__()
        self.last = separable(FINE)
        self.structures = nn.Conv2d(FINE, 4 * structures, 1)

    def forward(self, fine: Tensor) -> Tensor:
        """(n, FINE, h, w) -> (n, structures, 2h, 2w)."""
        return F.pixel_shuffle(self.structures(self.last(fine)), 2)


class ReaderNet(nn.Module):
    """Anatomy logits, sign logits, film-level logits and their class maps.

    ``logits[c] == maps[c].mean() + bias[c]`` holds exactly, so a class map is a decomposition and no afterthought.
    """

    def __init__(self, structures: int, heads: int, dropout: float = 0.3) -> None:
        super().__init__()
        self.backbone = Backbone()
        self.peer = Backbone()
        self.trunk = DenseTrunk()
        self.anatomy = AnatomyHead(structures)
        taps, widths = (QUARTER, STAGES[2][1], STAGES[4][1], STAGES[6][1]), SIGN_WIDTHS
        self.lateral = nn.ModuleList(nn.Conv2d(c, w, 1) for c, w in zip(taps, widths, strict=True))
        self.narrow = nn.ModuleList(nn.Conv2d(widths[i + 1], widths[i], 1) for i in range(3))
        self.smooth = nn.ModuleList(separable(widths[i]) for i in range(3))
        self.beside = nn.Conv2d(FINE, widths[0], 1, bias=False)
        nn.init.zeros_(self.beside.weight)  # until the signs have learned what to take from the outlines' features
        self.signs = SignConvGating(widths[0], structures)
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Conv2d(EMBEDDING, heads, 1, bias=False)
        nn.init.zeros_(self.classify.weight[:, HEAD:])  # until the peer has learned it says nothing
        self.bias = nn.Parameter(torch.zeros(heads))

    def begin_trunk(self) -> None:
        """The trunk's stages take over the weights of the backbone's that have their shape."""
        found = self.backbone.late.state_dict()
        own = self.trunk.own
        own.load_state_dict({k: found[k].clone() for k in own.state_dict()})

    def outlines(self, x: Tensor) -> Tensor:
        """(n, 1, s, s) -> anatomy logits alone (n, k, s/2, s/2)."""
        found: Tensor = self.anatomy(self.trunk(*self.backbone.begin(x)))
        return found

    def film(self, head: Tensor) -> dict[str, Tensor]:
        """What is told of the whole film from the backbone's last map, alone or with the peer's behind it."""
        features, head = head.mean(dim=(2, 3)), self.dropout(head)
        both = head.shape[1] == EMBEDDING
        maps = self.classify(head) if both else F.conv2d(head, self.classify.weight[:, : head.shape[1]])
        return {"maps": maps, "logits": maps.mean(dim=(2, 3)) + self.bias, "embedding": features}

    def dense(self, taps: list[Tensor]) -> dict[str, Tensor]:
        """Anatomy, and signs gated by it, from the backbone's maps at strides 2 to 32."""
        fine = self.trunk(*taps[:2])
        anatomy = self.anatomy(fine)
        y = self.lateral[3](taps[4])
        for i in (2, 1, 0):
            y = doubled(self.narrow[i](y)) + self.lateral[i](taps[i + 1])
            y = self.smooth[i](y + self.beside(fine) if i == 0 else y)
        return {"anatomy": anatomy, "signs": self.signs(y, anatomy)}

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """(n, 1, s, s) -> anatomy (n, k, s/2, s/2), signs (n, j, s/4, s/4), maps (n, c, s/32, s/32), logits (n, c).

        Also ``embedding`` (n, EMBEDDING).
        """
        taps, head = self.backbone(x)
        return self.dense(taps) | self.film(torch.cat([head, self.peer(x)[1]], dim=1))

    def embedding(self, x: Tensor) -> Tensor:
        """(n, 1, s, s) -> (n, EMBEDDING), without outlines and signs."""
        return torch.cat([part(x)[1].mean(dim=(2, 3)) for part in (self.backbone, self.peer)], dim=1)
