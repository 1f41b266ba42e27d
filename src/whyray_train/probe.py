"""The frozen-feature probe: logistic regression on ImageNet features, the line every trained model must pass."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whyray_train import films, gate
from whyray_train.basis import build

F64 = NDArray[np.float64]


def probe(train: Sequence[films.Film], test: Sequence[films.Film], heads: Sequence[str], size: int, cache: Path) -> F64:
    """(n, heads) probabilities on `test` of one logistic regression a head, fitted on `train` embeddings."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    net = build(len(heads))
    arrays = [gate.embed(net, films.cached([f.path for f in part], size, cache)) for part in (train, test)]
    scaler = StandardScaler().fit(arrays[0])
    x, y = (scaler.transform(a) for a in arrays)
    columns = []
    for head in heads:
        labels = np.array([head in f.labels for f in train])
        model = LogisticRegression(C=0.003, class_weight="balanced", max_iter=1000).fit(x, labels)
        columns.append(model.predict_proba(y)[:, 1])
    return np.stack(columns, axis=1)
