import numpy as np
import pytest

torch = pytest.importorskip("torch")

from whyray_train import gate  # noqa: E402
from whyray_train.network import EMBEDDING, ReaderNet  # noqa: E402


def test_the_unit_on_raw_embeddings_equals_the_fitted_pipeline() -> None:
    pytest.importorskip("sklearn")
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    inside = rng.normal(1.0, 2.0, (60, 12)).astype(np.float32)
    outside = rng.normal(-0.5, 3.0, (150, 12)).astype(np.float32)
    weights, bias = gate.fit(inside, outside)
    x, y = np.concatenate([inside, outside]), np.repeat([1, 0], [60, 150])
    scaler = StandardScaler().fit(x)
    model = LogisticRegression(C=0.003, class_weight="balanced", max_iter=2000).fit(scaler.transform(x), y)
    np.testing.assert_allclose(x @ weights + bias, model.decision_function(scaler.transform(x)), atol=1e-3)
    assert weights.dtype == np.float32
    assert (inside @ weights + bias).mean() > 0 > (outside @ weights + bias).mean()


def test_embeddings_are_those_of_the_network_whatever_the_batch() -> None:
    torch.manual_seed(0)
    net = ReaderNet(5, 2)
    films = [np.random.default_rng(i).integers(0, 256, (64, 64)).astype(np.uint8) for i in range(18)]
    rows = gate.embed(net, films)
    assert rows.shape == (18, EMBEDDING)
    with torch.no_grad():
        one = net.eval()(torch.from_numpy(films[17].astype(np.float32) / 255)[None, None])["embedding"]
    np.testing.assert_allclose(rows[17], one[0].numpy(), atol=1e-4)


def test_a_degraded_film_is_the_same_film_less_sharp() -> None:
    film = np.random.default_rng(0).integers(0, 256, (96, 96)).astype(np.uint8)
    soft = gate.degraded(film, 24)
    assert (soft.shape, soft.dtype) == (film.shape, film.dtype)
    assert soft.std() < 0.5 * film.std()
    assert soft.mean() == pytest.approx(film.mean(), abs=3)


def test_a_zoom_shows_a_part_of_the_film() -> None:
    film = np.zeros((90, 90), dtype=np.uint8)
    film[:, 45:] = 200
    seen = {gate.zoomed(film, np.random.default_rng(s)).mean() > 100 for s in range(12)}
    assert seen == {True, False}
    assert gate.zoomed(film, np.random.default_rng(0)).shape == film.shape
