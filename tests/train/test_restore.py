from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from whyray.engines import create
from whyray_train import basis, export, fine, restore
from whyray_train.fine_network import FineNet
from whyray_train.lite0 import separable

DATA_FILMS = 4


class Small(nn.Module):
    """Both orders that the networks have: convolution, norm; depthwise, pointwise, norm."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 40, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(40, eps=1e-3)
        self.second = separable(40)
        self.last = nn.Conv2d(40, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.last(self.second(torch.relu(self.norm(self.first(x)))))
        return found


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Small, Path]:
    """A network whose norms have seen something, and its file as it would ship."""
    torch.manual_seed(3)
    net, file = Small(), tmp_path_factory.mktemp("small") / "small.onnx"
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.uniform_(module.bias, -1, 1)
    with torch.no_grad():
        for _ in range(30):
            net(torch.rand(4, 1, 16, 16))
    program = torch.onnx.export(net.eval(), (torch.zeros(1, 1, 16, 16),), dynamo=True, optimize=True)
    assert program is not None
    program.save(str(file), external_data=False)
    export.halve(file)
    return net, file


def test_each_norm_is_found_behind_its_convolution(trained: tuple[Small, Path]) -> None:
    assert restore.norms(trained[0], (torch.zeros(1, 1, 16, 16),)) == {"first": "norm", "second.1": "second.2"}


def test_a_restored_network_gives_what_its_file_gives_and_learns_on_from_there(trained: tuple[Small, Path]) -> None:
    given, file = trained
    again = Small()
    restore.restore(again, restore.weights(file), (torch.rand(32, 1, 16, 16),))
    films = torch.rand(32, 1, 16, 16)
    wanted = given(films)
    assert wanted.std() > 0.1
    torch.testing.assert_close(again.eval()(films), wanted, atol=5e-3, rtol=0)
    bare = Small().eval()
    bare.load_state_dict(again.state_dict())
    for name in ("norm", "second.2"):  # the same function, from norms that know no film
        norm, known = bare.get_submodule(name), again.get_submodule(name)
        shift = known.bias - known.weight * known.running_mean * torch.rsqrt(known.running_var + known.eps)
        norm.load_state_dict(nn.BatchNorm2d(40).state_dict())
        norm.eps = 1e-9
        norm.bias.data = shift.detach()
    torch.testing.assert_close(bare(films), wanted, atol=5e-3, rtol=0)
    torch.testing.assert_close(again.train()(films), wanted, atol=0.2, rtol=0)  # norms know these films' spread
    assert not torch.allclose(bare.train()(films), wanted, atol=0.2, rtol=0)


def test_a_file_of_another_network_is_refused(trained: tuple[Small, Path]) -> None:
    found = restore.weights(trained[1])
    for wrong in ({**found, "last.bias": torch.zeros(3)}, {k: v for k, v in found.items() if k != "first.weight"}):
        with pytest.raises(ValueError, match="another network"):
            restore.restore(Small(), wrong, (torch.rand(2, 1, 16, 16),))
    bare = {k: v for k, v in found.items() if k != "first.weight_bias"}
    with pytest.raises(ValueError, match="no norm behind first"):
        restore.restore(Small(), bare, (torch.rand(2, 1, 16, 16),))


def test_the_shipped_folder_can_be_trained_on(tmp_path: Path, data_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restore, "FILMS", DATA_FILMS)
    shipped = Path(restore.__file__).parent.parent / "whyray" / "models" / "chest"
    restore.main(["--data", str(data_root), "--model", str(shipped), "--runs", str(tmp_path)])
    engine = create("onnx", shipped)
    net, saved = basis.whole_net(tmp_path / "net.pt")
    film = restore.pictures(data_root, int(saved["plan"]["size"]), tmp_path / "cache")[0][:1]
    with torch.no_grad():
        ours = net.eval()(film)
    theirs = engine.run(film[0].numpy(), ["maps", "logits", "signs"])
    for name, value in theirs.items():
        told = value > -8  # log of a shut gate is the rounding's
        np.testing.assert_allclose(ours[name][0].numpy()[told], value[told], atol=0.02)
    assert saved["history"][-1]["command"] == restore.COMMAND
    assert any("whyray_train.heads" in entry["command"] for entry in saved["history"])
    finer, history = fine.load(tmp_path / "fine")
    assert isinstance(finer, FineNet)
    assert [entry["command"].startswith(fine.COMMAND) for entry in history] == [True] * (len(history) - 1) + [False]
    lung, places = (part[:1] for part in restore.lungs(data_root, tmp_path / "cache", engine))
    theirs_again = engine.look_again(lung.numpy(), places.numpy())  # type: ignore[attr-defined]
    with torch.no_grad():
        ours_again = finer(lung, places)[0].numpy()
    told = theirs_again[0] > -8
    np.testing.assert_allclose(ours_again[told], theirs_again[0][told], atol=0.02)
