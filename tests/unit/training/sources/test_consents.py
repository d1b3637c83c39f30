"""Training consent: only an explicit grant permits the use of purchases."""

from pathlib import Path

import polars as pl
import pytest

from training.errors import InputUnreadable
from training.sources.consent_file import read_consent_file


def test_only_true_permits_in_a_csv(tmp_path: Path) -> None:
    """An empty cell is no grant, and a blank line is ignored."""
    path = tmp_path / "consents.csv"
    path.write_text("customer_id,training\na,true\nb, TRUE\ne,\nf,false\n\n")

    assert read_consent_file(path).ids == {"a", "b"}


def test_only_a_boolean_true_permits_in_parquet(tmp_path: Path) -> None:
    """Null in a Parquet file is no grant."""
    path = tmp_path / "consents.parquet"
    pl.DataFrame({"customer_id": [1, 2, 3], "training": [True, False, None]}).write_parquet(path)
    assert read_consent_file(path).ids == {"1"}

    pl.DataFrame({"customer_id": [1], "training": [1]}).write_parquet(path)
    with pytest.raises(InputUnreadable, match=r"row 1: training: 1 is neither true nor false"):
        read_consent_file(path)


def test_a_customer_named_twice_needs_a_grant_each_time(tmp_path: Path) -> None:
    """Lines without a time have equal times, so a denial overrules a grant."""
    path = tmp_path / "consents.csv"
    path.write_text("customer_id,training\na,true\na,false\nb,false\nb,true\n")

    assert read_consent_file(path).ids == set()


IMPORTS = """\
{"customer_id": "later-yes", "purposes": {"training": false}, "at": "2026-01-01T00:00:00Z"}
{"customer_id": "later-yes", "purposes": {"training": true}, "at": "2026-01-02T00:00:00Z"}
{"customer_id": "later-no", "purposes": {"training": false}, "at": "2026-01-02T00:00:00Z"}
{"customer_id": "later-no", "purposes": {"training": true}, "at": "2026-01-01T00:00:00Z"}
{"customer_id": "tie", "purposes": {"training": true}, "at": "2026-01-02T00:00:00Z"}
{"customer_id": "tie", "purposes": {"training": false}, "at": "2026-01-02T02:00:00+02:00"}
{"customer_id": "other-purpose", "purposes": {"email": true}, "at": "2026-01-02T00:00:00Z"}
{"customer_id": "future", "purposes": {"training": true}, "at": "2999-01-02T00:00:00Z"}
{"customer_id": "naive", "purposes": {"training": true}, "at": "2026-01-02T00:00:00"}
{"customer_id": "no-time", "purposes": {"training": true}}
{"customer_id": "plain", "training": true}
{"customer_id": "plain-nothing", "training": null}
{"customer_id": "then-email", "purposes": {"training": true}, "at": "2026-01-01T00:00:00Z"}
{"customer_id": "then-email", "purposes": {"email": false}, "at": "2026-01-03T00:00:00Z"}
"""


def test_import_lines_count_by_their_time(tmp_path: Path) -> None:
    """The latest statement applies, a denial wins at equal times, and an invalid time denies."""
    path = tmp_path / "consents.ndjson"
    path.write_text(IMPORTS)

    assert read_consent_file(path).ids == {"later-yes", "plain", "then-email"}


UNDATED = """\
{"customer_id": "denied", "purposes": {"training": true}, "at": "2026-01-01T00:00:00Z"}
{"customer_id": "denied", "training": false}
{"customer_id": "withdrawn", "training": true}
{"customer_id": "withdrawn", "purposes": {"training": false}, "at": "1970-01-02T00:00:00Z"}
{"customer_id": "granted-again", "training": true}
{"customer_id": "granted-again", "purposes": {"training": true}, "at": "1970-01-02T00:00:00Z"}
{"customer_id": "then-email", "training": true}
{"customer_id": "then-email", "purposes": {"email": false}, "at": "2026-01-03T00:00:00Z"}
{"customer_id": "both", "training": true}
{"customer_id": "both", "training": false}
"""


def test_a_denial_without_a_time_denies_and_a_grant_without_one_is_the_oldest(
    tmp_path: Path,
) -> None:
    """The rule holds for any other times and any order of lines."""
    for place, lines in enumerate([UNDATED.splitlines(), UNDATED.splitlines()[::-1]]):
        path = tmp_path / f"{place}.ndjson"
        path.write_text("\n".join(lines))

        assert read_consent_file(path).ids == {"granted-again", "then-email"}


@pytest.mark.parametrize(
    "line",
    [
        '{"customer_id": "ann-1", "training": false, "training": true}',
        '{"customer_id": "ann-1", "purposes": {"training": false, "training": true}}',
        '{"customer_id": "ann-1", "customer_id": "bob", "training": true}',
        '{"customer_id": "ann-1", "training": false, "purposes": {"training": true}}',
    ],
)
def test_a_line_that_contradicts_itself_stops_the_run(tmp_path: Path, line: str) -> None:
    """A repeated JSON key is an error, because parsers would silently take the last one."""
    path = tmp_path / "consents.ndjson"
    path.write_text(line)

    with pytest.raises(InputUnreadable, match=r"line 1 .*(twice|both)") as refused:
        read_consent_file(path)
    assert "ann-1" not in str(refused.value)


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"customer_id": 7, "training": true}',
        '{"customer_id": "", "training": true}',
        '{"customer_id": "a/..", "training": true}',
        '{"training": true}',
        "[" * 5000,
    ],
)
def test_a_line_without_a_customer_stops_the_run(tmp_path: Path, line: str) -> None:
    """A line without a readable customer may be a withdrawal, so it is an error."""
    path = tmp_path / "consents.ndjson"
    path.write_text(f'{{"customer_id": "a", "training": true}}\n{line}\n')

    with pytest.raises(InputUnreadable, match="line 2"):
        read_consent_file(path)


@pytest.mark.parametrize(
    "said",
    [
        '"training": "true"',
        '"training": 1',
        '"purposes": {"training": "no"}, "at": "2026-01-02T00:00:00Z"',
        '"purposes": ["training"], "at": "2026-01-02T00:00:00Z"',
    ],
)
def test_a_line_that_is_neither_grant_nor_denial_stops_the_run(tmp_path: Path, said: str) -> None:
    """The error shows the ambiguous value, but not the customer."""
    path = tmp_path / "consents.ndjson"
    path.write_text(f'{{"customer_id": "ann-1", {said}}}')

    with pytest.raises(InputUnreadable, match=r"line 1: (training|purposes): .* is n") as refused:
        read_consent_file(path)
    assert "ann-1" not in str(refused.value)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("ann-1,maybe", 'training: "maybe" is neither true nor false'),
        ("ann-1,1", 'training: "1" is neither true nor false'),
        (",true", "customer_id: empty"),
        ("ann-1/,true", "customer_id: contains a '/' at its end"),
        ("ann-1\xff,true", "customer_id: not valid UTF-8"),
    ],
)
def test_a_row_that_cannot_be_read_stops_the_run(tmp_path: Path, row: str, told: str) -> None:
    """The error gives the row number and the reason."""
    path = tmp_path / "consents.csv"
    path.write_bytes(f"customer_id,training\nbob,true\n{row}\n".encode("latin-1"))

    with pytest.raises(InputUnreadable, match=r"consents\.csv row 2: ") as refused:
        read_consent_file(path)
    assert told in str(refused.value)
    assert "ann-1" not in str(refused.value)


@pytest.mark.parametrize("row", ['ann-1,"x,false', 'ann-1,"x"y,false', "ann-1,x,y,false"])
def test_a_row_that_is_no_csv_stops_the_run(tmp_path: Path, row: str) -> None:
    """A damaged row may be a withdrawal or hide one, so it is an error; its text is not shown."""
    path = tmp_path / "consents.csv"
    path.write_text(f"customer_id,why,training\nann-1,x,true\n{row}\nbob,x,true\n{row}\n")

    with pytest.raises(InputUnreadable, match=r"consents\.csv row 2: row: ") as refused:
        read_consent_file(path)
    assert "ann-1" not in str(refused.value)


def test_a_file_without_a_header_shows_no_customer(tmp_path: Path) -> None:
    """The error does not list the first row as columns, because it may be personal data."""
    path = tmp_path / "consents.csv"
    path.write_text("ann-1,true\nbob,true\n")

    with pytest.raises(InputUnreadable, match=r"no column 'customer_id'.*header") as refused:
        read_consent_file(path)
    assert "ann-1" not in str(refused.value)


def test_a_file_that_is_not_there_is_no_consent(tmp_path: Path) -> None:
    """A mistyped file name stops the run."""
    with pytest.raises(InputUnreadable, match="no such file"):
        read_consent_file(tmp_path / "assume_granted")
