"""Names and files: recognition, families, partial and hostile files."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from impasto.errors import OptionError, WeightsError
from impasto.networks.loss import LOSS_NETWORK_NAMES, CombinedLossNetwork, load_loss_network
from impasto.networks.loss.load import KNOWN_FILES, PREFERRED, choose_loss_network
from impasto.networks.loss.weight_file import WeightFile, hash_tensors

RandomFile = Callable[..., WeightFile]
TORCHVISION = "torchvision: RGB, /255, mean 0.485 0.456 0.406, std 0.229 0.224 0.225"
CAFFE = "Caffe: BGR, 0..255, subtract mean B=10 G=20 R=30"


@pytest.fixture
def write(random_file: RandomFile, tmp_path: Path) -> Callable[..., Path]:
    """Write random weights of an architecture, changed as asked, to a file."""

    def make(
        architecture: str = "vgg16",
        until: str | None = "features.7",
        *,
        name: str = "some.safetensors",
        preprocessing: str | None = TORCHVISION,
        rename: Callable[[str], str] = str,
        change: dict[str, Tensor | None] | None = None,
    ) -> Path:
        tensors = dict(random_file(architecture, until=until).tensors)
        for key, value in (change or {}).items():
            tensors.pop(key, None)
            if value is not None:
                tensors[key] = value
        tensors = {rename(key): value for key, value in tensors.items()}
        path = tmp_path / name
        if path.suffix == ".safetensors":
            save_file(tensors, path, {"preprocessing": preprocessing} if preprocessing else None)
        else:
            torch.save(tensors, path)
        return path

    return make


def mean_of(network: Any) -> list[float]:
    return [round(value * 255, 3) for value in network.mean.flatten().tolist()]


@pytest.mark.parametrize(
    ("architecture", "layers"),
    [
        ("vgg16", 13),
        ("vgg19", 16),
        ("vgg19-normalised", 16),
        ("vgg19-distilled", 5),
        ("alexnet", 5),
        ("squeezenet1_1", 9),
        ("googlenet", 11),
    ],
)
def test_each_architecture_is_recognised_by_its_keys(
    write: Callable[..., Path], architecture: str, layers: int
) -> None:
    network = load_loss_network(write(architecture, None))
    assert network.name == architecture
    assert len(network.layer_names) == layers


def test_a_partial_file_gives_the_layers_it_reaches(write: Callable[..., Path]) -> None:
    network = load_loss_network(write("squeezenet1_1", "features.4.expand3x3"))
    assert network.layer_names == ("relu1", "fire2", "fire3")


def test_the_classifier_and_foreign_tensors_are_left_out(write: Callable[..., Path]) -> None:
    plain = load_loss_network(write())
    more = write(change={"classifier.0.weight": torch.zeros(2, 2), "mean": torch.zeros(3)})
    assert load_loss_network(more).weights_hash == plain.weights_hash


def test_vgg19_is_told_from_vgg16_by_its_fourth_convolutions(write: Callable[..., Path]) -> None:
    assert load_loss_network(write("vgg19", "features.16")).name == "vgg19"
    assert load_loss_network(write("vgg16", "features.17")).name == "vgg16"


def test_where_both_are_the_same_the_file_name_decides(write: Callable[..., Path]) -> None:
    path = write("vgg16", "features.10", name="my_VGG-19.safetensors")
    assert load_loss_network(path).name == "vgg19"


def test_a_pth_file_is_read_with_the_family_as_option(write: Callable[..., Path]) -> None:
    path = write(name="weights.pth", rename=lambda key: f"module.{key}")
    network = load_loss_network(path, family="torchvision")
    assert network.layer_names[-1] == "relu2_2"
    assert mean_of(network) == [123.675, 116.28, 103.53]


def test_half_precision_becomes_float32(write: Callable[..., Path], tmp_path: Path) -> None:
    from safetensors.torch import load_file

    half = {name: tensor.half() for name, tensor in load_file(write()).items()}
    save_file(half, tmp_path / "half.safetensors", {"preprocessing": TORCHVISION})
    network = load_loss_network(tmp_path / "half.safetensors")
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


def test_the_flat_keys_of_the_adain_encoder_are_known(write: Callable[..., Path]) -> None:
    numbers = {"preproc": 0, "features.0": 2, "features.2": 5, "features.5": 9, "features.7": 12}

    def rename(key: str) -> str:
        place, part = key.rsplit(".", 1)
        return f"{numbers[place]}.{part}"

    flat = load_loss_network(write("vgg19-normalised", "features.7", rename=rename))
    named = load_loss_network(write("vgg19-normalised", "features.7"))
    assert flat.name == "vgg19-normalised"
    assert flat.weights_hash == named.weights_hash


def test_the_family_comes_from_metadata_and_the_option_wins(write: Callable[..., Path]) -> None:
    caffe = write(preprocessing=CAFFE)
    assert mean_of(load_loss_network(caffe)) == [30, 20, 10]
    assert mean_of(load_loss_network(caffe, family="torchvision")) == [123.675, 116.28, 103.53]
    plain = write(preprocessing=None, name="plain.safetensors")
    assert mean_of(load_loss_network(plain, family="caffe")) == [123.68, 116.779, 103.939]


def test_without_a_family_the_error_says_how_to_tell_it(write: Callable[..., Path]) -> None:
    with pytest.raises(WeightsError, match=r"family='torchvision'.*family='caffe'"):
        load_loss_network(write(preprocessing=None))


def test_timms_conversion_is_known_to_be_torchvisions(write: Callable[..., Path]) -> None:
    path = write(preprocessing=None, change={"pre_logits.fc1.bias": torch.zeros(1)})
    assert mean_of(load_loss_network(path)) == [123.675, 116.28, 103.53]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"family": "keras"}, "no weight family 'keras'"),
        ({"pooling": "median"}, "no pooling 'median'"),
    ],
)
def test_an_unknown_option_is_refused(
    write: Callable[..., Path], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(OptionError, match=message):
        load_loss_network(write(), **options)


def test_average_pooling_is_for_vgg_only(write: Callable[..., Path]) -> None:
    with pytest.raises(OptionError, match="not for squeezenet1_1"):
        load_loss_network(write("squeezenet1_1", "features.3.expand3x3"), pooling="average")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features.2.weight": None}, r"needs features\.2\.weight before features\.2\.bias"),
        ({"features.7.bias": None}, r"incomplete: vgg16 needs 'features\.7\.bias'"),
        ({"features.2.weight": torch.zeros(64, 64, 5, 5)}, r"in vgg16 it is \(64, 64, 3, 3\)"),
        ({"features.2.bias": torch.full((64,), torch.nan)}, r"features\.2\.bias holds NaN"),
        ({"features.0.weight": torch.zeros(96, 3, 7, 7)}, "no loss network known here"),
        ({"features.3.weight": torch.zeros(64, 64, 3, 3)}, "VGG-16 has them at"),
        ({"features.1.running_mean": torch.zeros(64)}, "batch normalisation"),
    ],
)
def test_a_file_of_another_network_is_refused_with_its_reason(
    write: Callable[..., Path], change: dict[str, Tensor | None], message: str
) -> None:
    with pytest.raises(WeightsError, match=message) as caught:
        load_loss_network(write(change=change))
    assert "some.safetensors" in str(caught.value)


class Evil:
    """Unpickling this would create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_code_in_a_pth_file_is_never_run(tmp_path: Path) -> None:
    path, trace = tmp_path / "evil.pth", tmp_path / "trace"
    torch.save({"features.0.weight": Evil(trace)}, path)
    with pytest.raises(WeightsError, match="without running code"):
        load_loss_network(path)
    path.write_bytes(pickle.dumps(Evil(trace)))
    with pytest.raises(WeightsError, match="without running code"):
        load_loss_network(path)
    assert not trace.exists()


def test_damaged_files_are_refused_by_name(write: Callable[..., Path], tmp_path: Path) -> None:
    whole = write().read_bytes()
    pth = write(name="whole.pth").read_bytes()
    damaged = {
        "empty": b"",
        "short": whole[:5],
        "cut": whole[:-100],
        "header": (10**15).to_bytes(8, "little") + whole[8:],
        "text": b"this is no weights file at all",
        "cut_pth": pth[: len(pth) // 2],
    }
    for name, content in damaged.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(WeightsError, match=str(path)):
            load_loss_network(path)


@pytest.mark.parametrize("content", [[torch.zeros(2)], {"epoch": 3}, torch.zeros(3)])
def test_a_pth_file_without_named_tensors_is_refused(tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(WeightsError, match="holds"):
        load_loss_network(tmp_path / "a.pth")


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(WeightsError, match="did you mean 'squeezenet1_1'"):
        load_loss_network("squeezenet1.1")


def test_a_known_name_without_its_file_says_where_to_put_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMPASTO_DATA", str(tmp_path / "data"))
    for name, known in KNOWN_FILES.items():
        with pytest.raises(WeightsError) as caught:
            load_loss_network(name, cache_dir=tmp_path)
        message = str(caught.value)
        assert known.file_name in message
        assert str(tmp_path / "loss_networks") in message
        assert "`loss_network`" in message


def test_a_known_name_with_other_weights_is_refused(
    write: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IMPASTO_DATA", raising=False)
    known = KNOWN_FILES["vgg19-distilled"]
    folder = tmp_path / "loss_networks"
    folder.mkdir()
    write("vgg19-distilled", None).rename(folder / known.file_name)
    with pytest.raises(WeightsError, match="does not hold the weights"):
        load_loss_network("vgg19-distilled", cache_dir=tmp_path)


def test_files_are_combined_with_a_plus(write: Callable[..., Path]) -> None:
    one = write(name="one.safetensors")
    two = write("vgg19-distilled", None, name="two.safetensors")
    network = load_loss_network(f"{one}+{two}")
    assert isinstance(network, CombinedLossNetwork)
    assert network.name == "vgg16+vgg19-distilled"
    assert network.layer_names[-1] == "relu5_1"


def test_a_plus_in_a_file_name_is_no_combination(write: Callable[..., Path]) -> None:
    assert load_loss_network(write(name="a+b.safetensors")).name == "vgg16"


def test_a_file_of_ones_own_is_not_called_redistributable(write: Callable[..., Path]) -> None:
    network = load_loss_network(write())
    assert not network.redistributable
    assert network.license == "none stated"
    assert network.source == "some.safetensors"


def test_the_hash_depends_on_names_and_values_and_not_on_order() -> None:
    a, b = torch.ones(2), torch.zeros(2)
    assert hash_tensors({"a": a, "b": b}) == hash_tensors({"b": b, "a": a})
    assert hash_tensors({"a": a, "b": b}) != hash_tensors({"a": b, "b": a})
    assert hash_tensors({"a": a}) != hash_tensors({"a": a.reshape(1, 2)})


def test_every_documented_name_is_offered() -> None:
    names = {"vgg16", "vgg19", "vgg19-normalised", "vgg19-distilled", "alexnet", "squeezenet1_1"}
    assert names <= set(LOSS_NETWORK_NAMES)


@pytest.fixture
def two_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The empty loss_networks/ of an IMPASTO_DATA; the cache is elsewhere, and empty too."""
    monkeypatch.setenv("IMPASTO_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("IMPASTO_CACHE", str(tmp_path / "cache"))
    place = tmp_path / "data" / "loss_networks"
    place.mkdir(parents=True)
    return place


@pytest.mark.usefixtures("two_folders")
def test_a_name_stays_as_it_is_and_auto_is_the_first_to_download() -> None:
    assert choose_loss_network("alexnet") == "alexnet"
    assert choose_loss_network() == PREFERRED[0] == "vgg19"


def test_auto_takes_the_first_whose_files_are_all_there(two_folders: Path, tmp_path: Path) -> None:
    def put(place: Path, name: str) -> None:
        place.mkdir(parents=True, exist_ok=True)
        (place / name).touch()

    put(two_folders, KNOWN_FILES["vgg19-distilled"].file_name)
    assert choose_loss_network() == "vgg19-distilled"
    put(tmp_path / "cache" / "loss_networks", KNOWN_FILES["vgg19-normalised"].file_name)
    assert choose_loss_network() == "vgg19-normalised+vgg19-distilled"
    put(two_folders, "vgg16.safetensors")
    assert choose_loss_network() == "vgg16"
