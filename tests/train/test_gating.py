from itertools import pairwise

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from whyray import knowledge  # noqa: E402
from whyray.perception.detectors.mapped import strength  # noqa: E402
from whyray_train.gating import Channel, SignConvGating, blur, channels, pooled, template  # noqa: E402

BANK = channels()
PROFILES = ("disk", "hollow", "line", "edge")
DEGREES = (0, 45, 90, 135)
FEATURES, STRUCTURES = 6, 3


def axes(size: int) -> tuple[np.ndarray, np.ndarray]:
    """(x, y) of the cells round the middle one."""
    y, x = np.mgrid[:size, :size] - size // 2
    return x.astype(float), y.astype(float)


# --- templates ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channel", BANK, ids=lambda c: c.name)
def test_every_template_has_mean_zero_and_norm_one(channel: Channel) -> None:
    kernels = channel.kernels
    assert kernels.shape == BANK[0].kernels.shape
    np.testing.assert_allclose(kernels.mean(axis=(1, 2)), 0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(kernels, axis=(1, 2)), 1, atol=1e-5)
    for i, one in enumerate(kernels):
        assert all(float((one * other).sum()) < 0.995 for other in kernels[:i]), "two templates are the same"


@pytest.mark.parametrize("size_mm", [10, 16, 24])
def test_a_disk_template_answers_most_to_a_disk_of_its_size(size_mm: float) -> None:
    x, y = axes(81)
    kernel = template(81, 1.0, "disk", size_mm)
    diameters = np.arange(4, 60)
    answers = [float(kernel[np.hypot(x, y) < d / 2].sum()) for d in diameters]
    assert diameters[int(np.argmax(answers))] == pytest.approx(size_mm, rel=0.2)


def test_the_templates_of_a_lesion_sort_disks_by_size() -> None:
    """On the grid of the network: of three templates, the one of the disk's size answers most."""
    x, y = axes(11)
    sizes = (18, 30, 50)
    for d in (14, 30, 50):
        disk = np.hypot(x, y) * 5.0 < d / 2
        answers = [float((template(11, 5.0, "disk", s) * disk).sum()) for s in sizes]
        assert sizes[int(np.argmax(answers))] == min(sizes, key=lambda s: abs(s - d))


@pytest.mark.parametrize("degrees", DEGREES)
def test_a_line_template_answers_most_to_a_line_of_its_orientation(degrees: int) -> None:
    x, y = axes(21)
    angle = np.deg2rad(degrees)
    line = (np.abs(x * np.sin(angle) + y * np.cos(angle)) < 0.8) & (np.hypot(x, y) < 9)
    answers = {d: float((template(21, 5.0, "line", 80, d) * line).sum()) for d in DEGREES}
    assert max(answers, key=lambda d: answers[d]) == degrees
    assert answers[degrees] > 3 * max(v for d, v in answers.items() if d != degrees)


@pytest.mark.parametrize("degrees", DEGREES)
def test_a_line_template_is_as_long_as_it_says(degrees: int) -> None:
    kernel = template(61, 1.0, "line", 30, degrees)
    angle = np.deg2rad(degrees)
    along = [kernel[30 - round(d * np.sin(angle)), 30 + round(d * np.cos(angle))] for d in range(28)]
    long = sum(v > along[0] / 2 for v in along)
    assert 2 * long == pytest.approx(30, abs=4)


def test_degrees_count_counter_clockwise_on_the_film() -> None:
    rising = template(11, 5.0, "line", 40, 45)
    assert rising[3, 7] > 0.1 > rising[7, 7]
    assert rising[7, 3] > 0.1 > rising[3, 3]


def test_an_edge_is_bright_below_and_a_hollow_bright_around() -> None:
    edge, turned = template(11, 5.0, "edge", 30), template(11, 5.0, "edge", 30, 90)
    assert edge[6:].min() > -1e-6 > edge[:5].max() - 1e-6
    assert turned[:, 6:].min() > -1e-6 > turned[:, :5].max() - 1e-6
    hollow = template(11, 5.0, "hollow", 30)
    assert hollow[5, 5] == hollow.min() < 0 < hollow[5, 8] == pytest.approx(hollow.max(), rel=0.1)


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(ValueError, match="blob"):
        template(11, 5.0, "blob", 10)


def test_the_pack_reads_no_channel_twice_but_for_other_sizes_and_none_that_is_not_there() -> None:
    pack = knowledge.load_packs()[0]
    read: dict[str, list[tuple[float, float]]] = {}
    for sign in (s for s in pack.signs if s.detector and s.detector.kind == "sign_map"):
        assert sign.detector is not None
        low, high = sign.detector.params.get("span_mm", (0.0, float("inf")))
        read.setdefault(sign.detector.params["channel"], []).append((low, high))
    assert read
    assert set(read) <= {c.name for c in BANK}
    for spans in map(sorted, read.values()):
        assert all(high <= low for (_, high), (low, _) in pairwise(spans))


def test_labels_that_prove_a_sign_do_not_also_hint_at_it_and_are_heads_of_the_pack() -> None:
    heads = {d.head for d in knowledge.load_packs()[0].diagnoses}
    for channel in BANK:
        assert not channel.labels & channel.hint
        assert channel.labels | channel.hint | channel.marks <= heads
        assert 0 < channel.cells < 0.1


# --- the module -----------------------------------------------------------------------------------------------------


@pytest.fixture
def module() -> SignConvGating:
    torch.manual_seed(0)
    return SignConvGating(FEATURES, STRUCTURES).eval()


@pytest.fixture
def fine() -> "torch.Tensor":
    return torch.rand(2, FEATURES, 16, 16, generator=torch.Generator().manual_seed(1))


def anatomy(where: slice = slice(0, 0)) -> "torch.Tensor":
    """Logits (2, structures, 32, 32); the first structure fills the columns `where`."""
    logits = torch.full((2, STRUCTURES, 32, 32), -30.0)
    logits[:, 0, :, where] = 30.0
    return logits


def wire(module: SignConvGating, place: int) -> None:
    """The gate becomes 40 p - 20, where p is channel `place` of what it is fed with."""
    with torch.no_grad():
        for layer in (module.gate[0], module.gate[2]):
            layer.weight.zero_()
            layer.bias.zero_()
        module.gate[0].weight[0, place] = 1
        module.gate[2].weight[:, 0] = 40
        module.gate[2].bias.fill_(-20)


def test_matching_starts_with_the_templates(module: SignConvGating) -> None:
    kernels = np.concatenate([c.kernels for c in BANK])
    np.testing.assert_array_equal(module.match.weight.detach().numpy()[:, 0], kernels)


def test_the_gate_closes_where_the_anatomy_says_so(module: SignConvGating, fine: "torch.Tensor") -> None:
    with torch.no_grad():
        wire(module, 0)
        gated = module(fine, anatomy(slice(0, 16)))
        module.gate[2].bias.fill_(60)
        free = module(fine, anatomy(slice(0, 16)))
        elsewhere = module(fine, anatomy(slice(16, 32)))
    assert gated.shape == (2, len(BANK), 16, 16)
    torch.testing.assert_close(gated[..., :8], free[..., :8], rtol=0, atol=1e-4)
    torch.testing.assert_close(gated[..., 8:], free[..., 8:] - 20, rtol=0, atol=1e-4)
    torch.testing.assert_close(free, elsewhere, rtol=0, atol=1e-4)  # an open gate adds nothing of its own
    assert free.std() > 0


def test_the_gate_also_sees_what_is_near(module: SignConvGating, fine: "torch.Tensor") -> None:
    """Blurs of 5 cells reach 2 cells beyond the edge at cell 8, two blurs of 11 reach 10 cells."""
    reach = {}
    for name, place in (("near", 0), ("wide", STRUCTURES), ("wider", 2 * STRUCTURES)):
        wire(module, place)
        with torch.no_grad():
            module.gate[2].bias.fill_(-0.5)
            gate = module.gate(module._places(anatomy(slice(0, 16))))[0, 0, 8]
        reach[name] = int((gate > -0.499).sum())
    assert reach == {"near": 8, "wide": 10, "wider": 16}


def test_a_sign_depends_on_its_own_templates_only(module: SignConvGating, fine: "torch.Tensor") -> None:
    with torch.no_grad():
        before = module(fine, anatomy())
        module.match.weight[3 * module.each : 4 * module.each] *= -1
        after = module(fine, anatomy())
    changed = (before != after).flatten(2).any(dim=2).any(dim=0)
    assert changed.nonzero().flatten().tolist() == [3]


def test_the_gate_and_the_templates_learn(module: SignConvGating, fine: "torch.Tensor") -> None:
    module.train()
    pooled(module(fine, anatomy(slice(0, 16)))).square().sum().backward()
    for weight in (module.match.weight, module.gate[0].weight, module.profile[0].weight):
        assert float(weight.grad.abs().max()) > 0


# --- pooling --------------------------------------------------------------------------------------------------------


def test_pooled_is_the_mean_of_the_highest_cells_by_hand() -> None:
    logits = torch.full((1, len(BANK), 10, 10), -5.0)
    logits[:, :, 4, :3] = torch.tensor([1.0, 2.0, 6.0])
    got = dict(zip((c.name for c in BANK), pooled(logits)[0].tolist(), strict=True))
    for channel in BANK:
        count = max(1, round(channel.cells * 100))
        highest = sorted([1.0, 2.0, 6.0, *[-5.0] * 97])[-count:]
        assert got[channel.name] == pytest.approx(np.mean(highest)), channel.name
    assert {round(v, 3) for v in got.values()} >= {6.0, 3.0, 4.0}  # one, three and two cells


def test_training_pools_as_the_reader_does() -> None:
    logits = torch.randn(2, len(BANK), 80, 80, generator=torch.Generator().manual_seed(0))
    ours = pooled(logits).numpy()
    theirs = [[strength(m.numpy(), c.cells) for m, c in zip(film, BANK, strict=True)] for film in logits]
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize(("width", "times"), [(5, 1), (11, 1), (11, 2)])
def test_blur_along_both_axes_is_repeated_square_averaging(width: int, times: int) -> None:
    torch.manual_seed(0)
    planes = torch.rand(2, 3, 20, 28)
    expected = planes
    for _ in range(times):
        expected = torch.nn.functional.avg_pool2d(expected, width, 1, width // 2)
    rows, cols = (torch.from_numpy(blur(n, width, times)) for n in (20, 28))
    assert torch.allclose(rows @ planes @ cols, expected, atol=1e-6)
