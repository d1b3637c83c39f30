"""Ids in purchases files follow the same rule as ids over HTTP, and are kept byte by byte."""

import tempfile
from pathlib import Path

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from recsvc.domain.values.ids import id_fault
from tests.unit.training.builders import read

texts = st.text(
    st.characters(exclude_categories=("Cs",)) | st.sampled_from("./\0\n \u00ad"), max_size=140
)


@given(ids=st.lists(texts.filter(lambda text: "\ufffd" not in text), min_size=1, max_size=10))
@settings(max_examples=60, deadline=None)
def test_an_id_is_kept_as_it_is_or_counted_as_bad(ids: list[str]) -> None:
    """Any text in a Parquet file is a valid id and kept, or makes a bad row."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.parquet"
        pl.DataFrame({"customer_id": ["c"] * len(ids), "item_id": ids}).write_parquet(path)
        found = read(path, max_bad=1.0)
    good = [text for text in ids if id_fault(text) is None]

    assert found.lines["item_id"].to_list() == good
    assert found.report.bad_rows == len(ids) - len(good)
