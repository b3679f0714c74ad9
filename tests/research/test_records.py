"""The committed tables are those of the committed records."""

import gzip
from pathlib import Path

import pytest

from impasto.evaluation.record import read_record
from research.objective_results import objective_markdown

ROOT = Path(__file__).parents[2]
RECORDS = sorted((ROOT / "research" / "records").glob("*.json.gz"))


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.name)
def test_the_table_in_the_docs_is_that_of_the_record(record: Path, tmp_path: Path) -> None:
    name = record.name.removesuffix(".json.gz")
    assert record.stat().st_size < 300_000
    (tmp_path / f"{name}.json").write_bytes(gzip.decompress(record.read_bytes()))
    table = objective_markdown(read_record(tmp_path / f"{name}.json"))
    wanted = ROOT / "docs" / "evidence" / f"{name}.md"
    assert table == wanted.read_text(encoding="utf-8")
