"""A damaged CSV row does not affect the other rows, at any position and with any content."""

import csv
import tempfile
from io import StringIO
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.training.builders import read

about = st.text(alphabet='ab" ', max_size=6)
anything = st.text(alphabet='ab",\r\n ', max_size=6)
broken = st.sampled_from(['x,y,"z', "x,y,z,w", 'x,"y"z,z', "x,y,z,,w", '"x,y,z'])


def written(texts: list[str], first: int) -> str:
    file = StringIO()
    rows = ((f"c{place}", f"i{place}", text) for place, text in enumerate(texts, first))
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue()


def reported(text: str) -> tuple[list[str], int]:
    """Return the items that were read and the number of bad rows."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.csv"
        path.write_bytes(f"customer_id,item_id,about\n{text}".encode())
        found = read(path, max_bad=1.0)
    return found.lines["item_id"].to_list(), found.report.bad_rows


@given(before=st.lists(about, max_size=5), row=broken, after=st.lists(about, max_size=5))
@settings(deadline=None)
def test_a_broken_row_is_the_only_bad_one(before: list[str], row: str, after: list[str]) -> None:
    """One damaged row makes one bad row, also among rows with quotes."""
    text = written(before, 0) + row + "\n" + written(after, len(before))

    assert reported(text) == ([f"i{n}" for n in range(len(before) + len(after))], 1)


@given(texts=st.lists(anything, max_size=8))
@settings(deadline=None)
def test_the_output_of_a_csv_writer_is_read(texts: list[str]) -> None:
    """Separators, quotes and line breaks within quoted text are read."""
    assert reported(written(texts, 0)) == ([f"i{n}" for n in range(len(texts))], 0)
