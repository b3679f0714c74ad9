"""Which of ONNX Runtime's providers is taken, by made-up lists of them and made-up sessions."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from impasto.engines import onnxruntime as backend
from impasto.engines.backends import OnnxRuntimeBackend
from impasto.engines.onnxruntime import CPU, choose_providers
from impasto.errors import OptionError
from impasto.models import StyleModel

CUDA, DIRECTML, COREML = "CUDAExecutionProvider", "DmlExecutionProvider", "CoreMLExecutionProvider"


@pytest.mark.parametrize(
    ("device", "available", "anywhere", "expected"),
    [
        ("cpu", [CPU], False, [CPU]),
        ("cpu", [CUDA, CPU], False, [CPU]),
        ("cuda", [CUDA, CPU], False, [CUDA, CPU]),
        ("mps", [COREML, CPU], True, [COREML, CPU]),
        ("cpu", [DIRECTML, CPU], True, [DIRECTML, CPU]),
        ("cpu", [CPU, CUDA], True, [CUDA, CPU]),
        ("cpu", ["AzureExecutionProvider", CPU], True, [CPU]),
    ],
)
def test_the_devices_provider_comes_first_and_the_cpu_behind_it(
    device: str, available: list[str], anywhere: bool, expected: list[str]
) -> None:
    assert choose_providers(device, available, anywhere=anywhere) == expected


def test_a_missing_provider_names_the_package_that_has_it() -> None:
    with pytest.raises(OptionError, match=f"no {CUDA} for device 'cuda'.*onnxruntime-gpu"):
        choose_providers("cuda", [CPU])
    with pytest.raises(OptionError, match=f"no {COREML} for device 'mps'"):
        choose_providers("mps", [CPU])


def runtime(available: list[str], started: list[str] | Exception) -> Any:
    """As if this were the installed ONNX Runtime."""

    def session(graph: bytes, options: Any, *, providers: list[str]) -> Any:  # noqa: ARG001
        if isinstance(started, Exception):
            raise started
        return SimpleNamespace(get_providers=lambda: started)

    return SimpleNamespace(
        get_available_providers=lambda: available,
        SessionOptions=SimpleNamespace,
        ExecutionMode=SimpleNamespace(ORT_SEQUENTIAL=0),
        InferenceSession=session,
    )


def made(
    monkeypatch: pytest.MonkeyPatch, model: StyleModel, device: str, fake: Any, **options: bool
) -> OnnxRuntimeBackend:
    pytest.importorskip("onnx")
    monkeypatch.setattr(backend, "import_extra", lambda *names: fake)  # noqa: ARG005
    return OnnxRuntimeBackend(model, torch.device(device), "float32", **options)


def test_a_gpu_that_only_onnx_runtime_knows_is_used_if_the_device_was_left_open(
    monkeypatch: pytest.MonkeyPatch, model: StyleModel
) -> None:
    fake = runtime([DIRECTML, CPU], [DIRECTML, CPU])
    assert made(monkeypatch, model, "cpu", fake, anywhere=True).provider == DIRECTML


def test_such_a_gpu_that_does_not_start_leaves_the_cpu(
    monkeypatch: pytest.MonkeyPatch, model: StyleModel
) -> None:
    fake = runtime([CUDA, CPU], [CPU])
    assert made(monkeypatch, model, "cpu", fake, anywhere=True).provider == CPU


def test_a_named_device_that_does_not_start_is_told(
    monkeypatch: pytest.MonkeyPatch, model: StyleModel
) -> None:
    with pytest.raises(OptionError, match=f"has {CUDA}, but it does not start here"):
        made(monkeypatch, model, "cuda", runtime([CUDA, CPU], [CPU]))


def test_a_session_that_fails_is_an_option_error(
    monkeypatch: pytest.MonkeyPatch, model: StyleModel
) -> None:
    fake = runtime([CUDA, CPU], RuntimeError("CUDA failure 35\nmore"))
    with pytest.raises(OptionError, match=r"by CUDAExecutionProvider \(CUDA failure 35\)"):
        made(monkeypatch, model, "cuda", fake)
