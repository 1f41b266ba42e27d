from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from train import toys  # noqa: E402
from train.toys import HEART, LEFT, RIGHT, SIZE, film, quality_row  # noqa: E402
from whyray_train import ct_films, films, inserted, sources  # noqa: E402
from whyray_train.atlas import CANNOT, MUST  # noqa: E402
from whyray_train.films import STRUCTURE_BITS, STRUCTURES  # noqa: E402
from whyray_train.gating import Channel, channels  # noqa: E402
from whyray_train.told import Spines  # noqa: E402

BANK = {c.name: i for i, c in enumerate(channels())}
HEADS = (*sorted(set().union(*(c.labels | c.hint | c.marks for c in channels()))), films.NORMAL_LABEL)
K, J = len(STRUCTURES), len(BANK)


# --- what the tables tell -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"accept": "1", "stray_lung": "0.5"}, [1, 1, 1, 1, 1]),
        ({}, [0.5, 0.5, 0.5, 0.5, 0.5]),
        ({"right_lung_px": "7999"}, [0, 0.5, 0.5, 0.5, 0.5]),
        ({"left_lung_px": "76000"}, [0.5, 0, 0.5, 0.5, 0.5]),
        ({"solidity_left": "0.6"}, [0.5, 0, 0.5, 0.5, 0.5]),
        ({"heart_px": "5000"}, [0.5, 0.5, 0, 0.5, 0.5]),
        ({"solidity_heart": "0.8"}, [0.5, 0.5, 0, 0.5, 0.5]),
        ({"right_clavicle": "2"}, [0.5, 0.5, 0.5, 0, 0.5]),
        ({"left_clavicle": "0"}, [0.5, 0.5, 0.5, 0.5, 0]),
        ({"stray_lung": "0.2"}, [0, 0, 0.5, 0, 0]),
    ],
)
def test_a_rejected_film_still_teaches_what_looks_like_an_organ(changes: dict[str, str], expected: list[float]) -> None:
    assert list(STRUCTURE_BITS) == ["right_lung", "left_lung", "heart", "right_clavicle", "left_clavicle"]
    assert sources.plausible(quality_row("a", **{"accept": "0", **changes})).tolist() == expected


def implied(item: films.Film) -> tuple[dict[str, float], dict[str, float]]:
    """(targets, weights) by channel."""
    soft = films.targets([item], HEADS)
    targets, weights = sources.film_signs([item], HEADS, soft)
    return tuple(dict(zip(BANK, row[0].tolist(), strict=True)) for row in (targets, weights))  # type: ignore[return-value]


def test_a_normal_film_shows_no_sign() -> None:
    targets, weights = implied(film(films.NORMAL_LABEL))
    assert set(targets.values()) == {0}
    assert set(weights.values()) == {1}


@pytest.mark.parametrize("channel", [c for c in channels() if c.labels], ids=lambda c: c.name)
def test_a_label_implies_its_sign_but_not_for_sure(channel: Channel) -> None:
    for label in channel.labels:
        targets, weights = implied(film(label))
        assert targets[channel.name] == pytest.approx(sources.POSITIVE)
        assert weights[channel.name] == 1
        assert 0 < sources.POSITIVE < 1


def test_the_teachers_doubt_lowers_the_target_and_the_surest_label_counts() -> None:
    doubt = dict.fromkeys(HEADS[:-1], 0.0) | {"Nodule": 0.2, "Mass": 0.6}
    targets, _ = implied(film("Nodule|Mass", tuple(doubt.values())))
    assert targets["nodule"] == pytest.approx(0.9 * 0.8)  # the mean of label and teacher
    targets, _ = implied(film("Nodule", tuple(doubt.values())))
    assert targets["nodule"] == pytest.approx(0.9 * 0.6)


@pytest.mark.parametrize("channel", channels(), ids=lambda c: c.name)
def test_a_hint_is_neither_yes_nor_no_and_another_label_half_a_no(channel: Channel) -> None:
    others = set(HEADS[:-1]) - channel.labels - channel.hint
    for label in (*channel.hint, *others):
        targets, weights = implied(film(label))
        assert targets[channel.name] == 0
        no = 0.5 if channel.labels else 0
        assert weights[channel.name] == (no if label in others else 0)


# --- rows -----------------------------------------------------------------------------------------------------------


def test_drawn_rows_come_in_order_scaled_to_one() -> None:
    source = toys.source(6)
    got = source.draw(np.array([4, 1]))
    shapes = {k: tuple(getattr(got, k).shape) for k in sources.Batch.__slots__}
    assert shapes == {
        "images": (2, 1, SIZE, SIZE),
        "anatomy": (2, K, SIZE // 2, SIZE // 2),
        "anatomy_weight": (2, K),
        "signs": (2, J, SIZE // 4, SIZE // 4),
        "sign_weight": (2, J),
        "film_signs": (2, J),
        "film_sign_weight": (2, J),
        "labels": (2, 3),
        "label_weight": (2,),
        "placed": (2,),
        "drawn": (2,),
    }
    np.testing.assert_allclose(got.images[:, 0].numpy(), source.images[[4, 1]] / 255, atol=1e-6)
    assert (float(got.anatomy.max()), float(got.signs.max())) == (1, 1)
    assert got.signs[:, 0].amax(dim=(1, 2)).tolist() == got.film_signs[:, 0].tolist() == [1, 0]
    assert all(getattr(got, k).dtype == torch.float32 for k in shapes)


def test_films_without_anatomy_or_sign_maps_get_empty_ones() -> None:
    source = toys.source(4)
    few = replace(source, anatomy=source.anatomy[:2, :5], anatomy_row=np.array([1, -1, 0, -1]), signs=None)
    got = few.draw(np.array([0, 1, 2]))
    assert got.anatomy.amax(dim=(2, 3))[:, [RIGHT, LEFT, HEART]].tolist() == [[1, 1, 1], [0, 0, 0], [1, 1, 1]]
    assert float(got.anatomy[:, 5:].max()) == 0
    assert got.signs.shape == (3, J, SIZE // 4, SIZE // 4)
    assert float(got.signs.max()) == 0


def test_anatomy_follows_its_row() -> None:
    source = toys.source(3)
    masks = np.stack([np.full_like(source.anatomy[0], 50 * i) for i in range(3)])
    got = replace(source, anatomy=masks, anatomy_row=np.array([2, 0, 1])).draw(np.arange(3))
    np.testing.assert_allclose(got.anatomy[:, 0, 0, 0].numpy(), np.array([100, 0, 50]) / 255, atol=1e-6)


DOMES = [STRUCTURES.index(f"{side}_hemidiaphragm") for side in ("right", "left")]
SPINE = STRUCTURES.index("spine")


def marked_only() -> sources.Source:
    """Two films on which lungs, heart and clavicles are known; the left lung ends on the heart."""
    source = toys.source(2)
    anatomy = source.anatomy[:, : len(STRUCTURE_BITS)].copy()
    base = np.flatnonzero(anatomy[0, LEFT].any(axis=1))[-1]
    anatomy[:, HEART, base + 1 :] = 255 * (anatomy[:, LEFT].max(axis=1, keepdims=True) > 0)
    weight = source.anatomy_weight.copy()
    weight[:, len(STRUCTURE_BITS) :] = 0
    return replace(source, anatomy=anatomy, anatomy_weight=weight, spacing=np.full(2, 2.5, np.float32))


def test_spines_are_laid_on_the_film_of_their_name() -> None:
    told = Spines(np.array(["a", "b"]), np.array([[4, 20], [4, 20]]), np.array([[0, 0, 8.0], [0, 0, 22.0]]))
    got = sources.placed(marked_only(), toys.source(3), ["b", "a"], told)
    for row_of, column in ((0, 22), (1, 8)):
        codes = got.anatomy[row_of, SPINE, 4:21]
        assert {int(np.flatnonzero(row == MUST).mean() + 0.5) for row in codes} == {column}
        wide = (codes == MUST).sum(axis=1) * 2 * 2.5
        assert 20 <= wide.min() <= wide.max() <= 45


def test_only_the_dome_of_the_lung_that_ends_on_the_heart_is_denied_there() -> None:
    real = marked_only()
    got = sources.placed(real, toys.source(3))
    for lung, plane in zip((RIGHT, LEFT), DOMES, strict=True):
        under = np.flatnonzero(real.anatomy[0, lung].any(axis=1))[-1]
        xs = np.flatnonzero(real.anatomy[0, lung, under] > 127)
        middle = xs[len(xs) // 2]
        assert got.anatomy[0, plane, under, middle] == (CANNOT if lung == LEFT else MUST)


def test_no_dome_is_told_where_the_heart_is_unknown() -> None:
    real = marked_only()
    real.anatomy_weight[:, HEART] = 0
    alone = replace(real, anatomy=np.where(np.arange(real.anatomy.shape[1])[:, None, None] == HEART, 0, real.anatomy))
    told, untold = (sources.placed(r, toys.source(3)).anatomy[:, DOMES] for r in (marked_only(), alone))
    atlas = sources.Atlas.of(toys.source(3).anatomy[:, len(STRUCTURE_BITS) :], toys.source(3).anatomy[:, :2])
    first = len(STRUCTURE_BITS)
    laid = atlas.laid(real.anatomy[0, :2])[[d - first for d in DOMES]]
    assert np.array_equal(untold[0], laid)
    assert not np.array_equal(told[0], laid)


def test_joined_rows_keep_their_order() -> None:
    one, two = toys.source(2).draw(np.arange(2)), toys.source(3, labelled=False).draw(np.arange(3))
    got = sources.joined([one, two])
    assert got.label_weight.tolist() == [1, 1, 0, 0, 0]
    assert torch.equal(got.images, torch.cat([one.images, two.images]))


# --- the three kinds of films ---------------------------------------------------------------------------------------


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three training films (accepted, doubtful, without any anatomy) and one of another split."""
    labels = {"a": films.NORMAL_LABEL, "b": "Effusion", "c": "Mass", "d": "Edema"}
    rows = [toys.label_row(i, text, HEADS[:-1], split="val" if i == "d" else "train") for i, text in labels.items()]
    toys.write(tmp_path / "nih" / "labels.csv", rows)
    quality = [quality_row("a"), quality_row("b", accept="0", heart_px="1"), quality_row("d")]
    toys.write(tmp_path / "nih_anatomy" / "quality.csv", quality)
    for film_id in labels:
        toys.save_film(tmp_path, film_id)
    return tmp_path


def test_real_films_bring_labels_and_what_is_known_of_the_anatomy(data: Path, tmp_path: Path) -> None:
    source = sources.real_films(data, "train", SIZE, tmp_path / "cache", np.array([1.0, 2.0, 3.0]))
    got = source.draw(np.arange(3))
    assert got.images.shape == (3, 1, SIZE, SIZE)
    assert got.anatomy_weight[:, [RIGHT, LEFT, HEART]].tolist() == [[1, 1, 1], [0.5, 0.5, 0], [0, 0, 0]]
    assert float(got.anatomy_weight[:, len(STRUCTURE_BITS) :].max()) == 0
    assert float(got.anatomy[2].max()) == 0
    overlap = (got.anatomy[0, RIGHT].numpy() > 0.5) & (toys.planes(SIZE // 2)[RIGHT] > 0)
    assert overlap.sum() == toys.planes(SIZE // 2)[RIGHT].sum()
    assert [HEADS[i] for i in got.labels.argmax(dim=1)] == [films.NORMAL_LABEL, "Effusion", "Mass"]
    assert got.film_signs[:, BANK["effusion"]].tolist() == pytest.approx([0, sources.POSITIVE, 0])
    assert float(got.sign_weight.max()) == 0
    assert (got.label_weight.tolist(), source.weights.tolist()) == ([1, 1, 1], [1, 2, 3])


def test_inserted_films_bring_exact_signs_and_no_study_labels(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signs = np.zeros((3, J, SIZE // 4, SIZE // 4), np.uint8)
    signs[1, 2, 5, 5], signs[2, 3, 5, 5] = 255, 100
    known = np.zeros((3, J), np.bool_)
    known[:, 2:4] = True
    made = inserted.Set(
        np.zeros((3, SIZE, SIZE), np.uint8), signs, known, np.zeros(3, np.int64), np.array(["", "x", "y"])
    )
    asked = []

    def make(items: list[films.Film], *rest: object) -> inserted.Set:
        asked.append(([f.id for f in items], *rest))
        return made

    monkeypatch.setattr(inserted, "make", make)
    source, _ = sources.inserted_films(data, "train", SIZE, tmp_path / "cache", 3, 9)
    assert asked == [(["a"], 3, SIZE, 9, tmp_path / "cache")]
    got = source.draw(np.arange(3))
    assert got.film_signs[:, 2:4].tolist() == [[0, 0], [1, 0], [0, 1]]  # however thin
    assert torch.equal(got.film_sign_weight, got.sign_weight)
    assert got.sign_weight.sum(dim=0).nonzero().flatten().tolist() == [2, 3]
    assert float(got.label_weight.max()) == 0
    assert got.anatomy_weight[0].tolist() == [1.0] * len(STRUCTURE_BITS) + [0.0] * (K - len(STRUCTURE_BITS))
    assert float(got.anatomy[1, LEFT].max()) == 1


def test_projected_films_bring_masks_of_all_structures_and_of_fluid(tmp_path: Path) -> None:
    assert ct_films.STRUCTURES == STRUCTURES  # bit i of the file is structure i, the next one fluid
    side, band, wet = 96, 96 // K, BANK["effusion"]
    masks = np.zeros((3, side, side), np.uint16)
    for bit in range(K):
        masks[0, bit * band : (bit + 1) * band] |= 1 << bit
    masks[1] = 2**K - 1
    masks[1:, 48:72, 24:48] |= 1 << K
    images = np.repeat(np.arange(side, dtype=np.uint8)[None, :, None] * 2, 3, axis=0).repeat(side, axis=2)
    np.savez(tmp_path / "ct.npz", images=images, masks=masks, veiled=np.array([False, False, True]))
    got = sources.projected_films(tmp_path / "ct.npz", 48, 4).draw(np.arange(3))
    assert got.images.shape == (3, 1, 48, 48)
    np.testing.assert_allclose(got.images[0, 0, 1:-1, 24].numpy() * 255, np.arange(1, 47) * 4 + 1, atol=1)
    for bit in range(K):
        rows = np.flatnonzero(got.anatomy[0, bit, :, 12].numpy() > 0.5)
        assert rows.tolist() == [2 * bit, 2 * bit + 1]
    assert float(got.anatomy[1].min()) == 1
    assert float(got.anatomy_weight.min()) == 1
    fluid = (got.signs[:, wet] > 0.5).numpy()
    assert not fluid[0].any()
    assert fluid[1, 6:9, 3:6].all()
    assert fluid.sum(axis=(1, 2)).tolist() == [0, 9, 9]
    others = [i for i in range(J) if i != wet]
    assert float(got.signs[:, others].max()) == 0
    assert got.film_signs[:, wet].tolist() == [0, 1, 1]
    assert got.sign_weight[:, wet].tolist() == [1, 1, 1]
    for weight in (got.sign_weight, got.film_sign_weight):  # beside an opacity nothing is known but the fluid
        assert weight[:, others].amax(dim=1).tolist() == weight[:, others].amin(dim=1).tolist() == [1, 1, 0]
    assert float(got.label_weight.max()) == 0
    assert got.labels.shape == (3, 4)


def test_sizes_come_from_projections_with_large_lungs() -> None:
    rng = np.random.default_rng(0)
    base = toys.source(40, len(HEADS))
    anatomy = np.zeros((40, K, 32, 32), np.uint8)
    for i in range(40):
        anatomy[i, :2, :, : 16 if i % 2 else 6] = 1  # half of the lungs are small
        anatomy[i, len(STRUCTURE_BITS), : 8 + int(rng.integers(0, 3))] = 1
    found = sources.shares(replace(base, anatomy=anatomy))
    rows = anatomy[1::2, len(STRUCTURE_BITS)].sum(axis=(1, 2)) / (2 * 16 * 32)
    assert found.shape == (2, K - len(STRUCTURE_BITS))
    assert found[:, 0] == pytest.approx([rows.min() / 2, np.quantile(rows, 1 - sources.WIDEST)])
    assert not found[:, 1:].any()
