"""How a record was measured, as Markdown: its settings, and the machines."""

from collections.abc import Mapping
from typing import Any

from impasto.evaluation.environment import machine_lines
from impasto.evaluation.record import Record


def how_measured(record: Record) -> str:
    """A list, headed; to be gone on with."""
    lines = ["## How it was measured", ""]
    lines += [f"- {key}: {_text(value)}" for key, value in record.settings.items()]
    lines += machine_lines(record.environments)
    return "\n".join(lines)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {inner}" for key, inner in value.items())
    return ", ".join(str(item) for item in value) if isinstance(value, list) else str(value)
