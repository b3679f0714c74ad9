"""Devices and number formats by name."""

import pytest
import torch

from impasto.errors import OptionError
from impasto.machine.devices import choose_device, choose_dtype, exact_float32

CPU = torch.device("cpu")


def test_cpu_is_always_there() -> None:
    assert choose_device("cpu") == CPU


@pytest.mark.parametrize(
    ("cuda", "mps", "chosen"),
    [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_auto_takes_cuda_then_mps_then_the_cpu(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, chosen: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert choose_device("auto").type == chosen


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "mps"])
def test_an_absent_device_is_an_option_error(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(OptionError, match=rf"'{name}' is not available.*auto, cpu"):
        choose_device(name)


def test_a_second_gpu_where_there_is_one_is_an_option_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert choose_device("cuda:0") == torch.device("cuda", 0)
    with pytest.raises(OptionError, match="cuda:1"):
        choose_device("cuda:1")


@pytest.mark.parametrize("name", ["", "gpu", "tpu", "cuda:x", "cuda:-1", "CPU "])
def test_unknown_devices_are_option_errors(name: str) -> None:
    with pytest.raises(OptionError, match="choose from auto, cpu, cuda, mps"):
        choose_device(name)


@pytest.mark.parametrize(
    ("amx", "avx512_bf16", "dtype"),
    [
        (True, True, torch.bfloat16),
        (False, True, torch.bfloat16),
        (False, False, torch.float32),
    ],
)
def test_auto_is_bfloat16_only_where_the_cpu_multiplies_it(
    monkeypatch: pytest.MonkeyPatch, amx: bool, avx512_bf16: bool, dtype: torch.dtype
) -> None:
    capabilities = {"avx512_f": True, "avx512_bf16": avx512_bf16}
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert choose_dtype("auto", CPU) == dtype
    assert choose_dtype("auto", torch.device("cuda")) == torch.float32


def test_auto_is_float32_when_torch_cannot_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported", raising=False)
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert choose_dtype("auto", CPU) == torch.float32


def test_precision_can_be_named_and_misnamed() -> None:
    assert choose_dtype("float32", CPU) == torch.float32
    assert choose_dtype("bfloat16", CPU) == torch.bfloat16
    with pytest.raises(OptionError, match="float16"):
        choose_dtype("float16", CPU)


def test_float32_is_exact_within_and_as_it_was_after() -> None:
    convolutions = torch.backends.cudnn.conv
    before = convolutions.fp32_precision

    @exact_float32()
    def fail() -> None:
        raise ValueError(convolutions.fp32_precision)

    with pytest.raises(ValueError, match="ieee"):
        fail()
    assert convolutions.fp32_precision == before


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_exact_float32_convolutions_on_a_gpu_are_not_tf32() -> None:
    generator = torch.Generator().manual_seed(0)
    image, weight = (
        torch.randn(shape, generator=generator, dtype=torch.float64, device="cpu").cuda()
        for shape in ((1, 64, 64, 64), (64, 64, 3, 3))
    )
    wanted = torch.nn.functional.conv2d(image, weight)
    with exact_float32():
        got = torch.nn.functional.conv2d(image.float(), weight.float())
    assert (got - wanted).norm() / wanted.norm() < 1e-5  # TF32: 3e-4
