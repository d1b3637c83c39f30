"""Wrong arguments and files of both programs: exit code 2, no traceback, and a text that names the
argument, its value and the right form.
"""

import shlex
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from recsvc.cli.main import app as recsvc
from recsvc.stores.embedded.server import EmbeddedValkey
from training.cli import app as recsvc_train

FILES: dict[str, bytes] = {
    "empty": b"",
    "blank": b"\n \n",
    "binary": bytes(range(256)) * 2,
    "p.csv": b"customer_id,item_id,timestamp\nc,a,2024-01-01\nd,b,2024-01-02\n",
    "p_twice.csv": b"customer_id,item_id,item_id,timestamp\nc,a,b,2024-01-01\n",
    "p_unnamed.csv": b",customer_id,item_id,timestamp\n0,c,a,2024-01-01\n",
    "items.csv": b"item_id,title\na,x\n",
    "items_twice.csv": b"item_id,title,title\na,x,y\n",
    "items_unnamed.csv": b"item_id, \na,x\n",
    "items_long.csv": b"item_id,title\na,x,zzz\n",
    "items_header.csv": b"item_id,title\n",
    "items_semicolon.csv": b"item_id;title\na;x\n",
    "items_latin.csv": "item_id,title\na,café\n".encode("latin-1"),
    "latin.ndjson": '{"item_id": "café"}\n'.encode("latin-1"),
    "consents_twice.csv": b"customer_id,training,training\nc,true,false\n",
    "offers_twice.csv": b"offer_id,item_id,item_id\no,a,b\n",
    "offers.csv": b"offer_id,item_id\no,a\n",
    "customers_twice.csv": b"customer_id,customer_id\nc,d\n",
    "customers.csv": b"customer_id\nc\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of files, with a data folder `data` whose store runs."""
    made = tmp_path_factory.mktemp("wrong")
    for name, content in FILES.items():
        for suffix in ("",) if "." in name else (".csv", ".ndjson", ".parquet"):
            (made / f"{name}{suffix}").write_bytes(content)
    (made / "folder.csv").mkdir()
    (made / "folder.ndjson").mkdir()
    (made / "twice.parquet").write_bytes(_two_equal_columns(made / "one.parquet"))
    (made / "data").mkdir()
    with EmbeddedValkey(made / "data"):
        yield made


def _two_equal_columns(file: Path) -> bytes:
    """Return a Parquet file with two columns of one name, which polars does not write."""
    pl.DataFrame({"item_id": ["a"], "title_a": ["x"], "title_b": ["y"]}).write_parquet(file)
    return file.read_bytes().replace(b"title_b", b"title_a")


TRAIN = "--purchases p.csv --consents assume-granted"
RANK = f"evaluate-offers {TRAIN} --as-of 2024-02-01 --out o.parquet"

COMMANDS = [
    *(
        (f"{group} import {name}", said)
        for group, suffix in (("items", ".csv"), ("items", ".ndjson"), ("offers", ".ndjson"))
        for name, said in (
            (f"nope{suffix}", f"FILE nope{suffix}: No such file"),
            (f"folder{suffix}", f"FILE folder{suffix}: Is a directory"),
            (f"empty{suffix}", f"FILE empty{suffix} cannot be read: it is empty"),
            ("p.txt", "its name must end in .ndjson"),
        )
    ),
    ("consents import nope.ndjson", "FILE nope.ndjson: No such file"),
    ("consents import blank.ndjson", "FILE blank.ndjson cannot be read: it is empty"),
    ("consents import latin.ndjson", "latin.ndjson:1: the line is not UTF-8"),
    ("consents import items.csv", "its name must end in .ndjson"),
    ("items import latin.ndjson", "latin.ndjson:1: the line is not UTF-8"),
    ("offers import latin.ndjson", "latin.ndjson:1: the line is not UTF-8"),
    ("items import binary.csv", "FILE binary.csv cannot be read: it is not a text file"),
    ("items import items_latin.csv", "FILE items_latin.csv cannot be read: line 2 is not UTF-8"),
    ("items import items_twice.csv", "names the column 'title' twice"),
    ("items import items_unnamed.csv", "column 2 of the header has no name"),
    ("items import items_long.csv", "items_long.csv:2: the row has more fields than the header"),
    ("items import items_header.csv", "it has a header and no row"),
    ("items import items_semicolon.csv", "it has: item_id;title (separate columns by commas)"),
    ("items import items.csv --max-bad 150", "--max-bad '150' is not a percentage: write 0% to"),
    ("items import items.csv --max-bad few", "--max-bad 'few' is not a percentage: write 0% to"),
    ("items import items.csv --shop 'A B'", "--shop 'A B' is not a shop name: write 1 to 32 of"),
    ("customers export a/", "CUSTOMER is not a valid id: contains a '/' at its end; an id is 1"),
    ("customers merge a --into a", "--into names the customer to be merged; name another one"),
    ("customers merge a --into ..", "--into is not a valid id"),
    ("offers show a/..", "OFFER is not a valid id"),
    ("offers show nope", "no offer 'nope'"),
    ("models activate nope", "VERSION 'nope': shop default has no such version"),
    ("models verify ../x", "in the form 20261130T222526.865Z-5db994ef"),
    ("events drain --to p.csv", "--to p.csv is not a folder"),
    ("audit verify --head nope", "--head is neither a file nor a head"),
    *(
        (f"{command} --shop zz", "--shop zz: ")
        for command in (
            "audit verify",
            "audit head",
            "keys list",
            "items list",
            "offers list",
            "offers show o",
            "offers delete o",
            "consents show c",
            "consents history c",
            "consents withdraw c email",
            "consents policy show",
            "customers export c",
            "customers erase c --yes",
            "customers merge c --into d",
            "events drain --to drained",
            "models list",
            "models verify",
            "models rollback",
        )
    ),
]
TRAINING = [
    (f"run --purchases {name} --consents assume-granted", said)
    for name, said in (
        ("nope.csv", "nope.csv: no file there"),
        ("folder.csv", "folder.csv: no file there"),
        ("empty.csv", "empty.csv cannot be read: it is empty"),
        ("binary.csv", "binary.csv cannot be read: it is not a text file"),
        ("binary.parquet", "binary.parquet cannot be read: it is not Parquet"),
        ("p_twice.csv", "p_twice.csv: the header names the column 'item_id' twice"),
        ("p_unnamed.csv", "p_unnamed.csv: column 1 of the header has no name"),
    )
] + [
    (f"run --purchases p.csv --consents {name}", said)
    for name, said in (
        ("nope.csv", "--consents nope.csv: no such file"),
        ("empty.csv", "empty.csv cannot be read: it is empty"),
        ("blank.ndjson", "blank.ndjson cannot be read: it is empty"),
        ("latin.ndjson", "latin.ndjson line 1 is not UTF-8"),
        ("consents_twice.csv", "the header names the column 'training' twice"),
        ("service --shop zz", "--shop zz: there is no such shop"),
        ("assume-granted --items service --shop zz", "--shop zz: there is no such shop"),
        ("assume-granted --items nope.csv", "--items nope.csv: no such file"),
        ("assume-granted --items items_twice.csv", "names the column 'title' twice"),
        ("assume-granted --items items_header.csv", "--items items_header.csv has no row"),
        ("assume-granted --items items_long.csv", "a row has more fields than the header"),
        ("assume-granted --items twice.parquet", "twice.parquet: two columns have one name"),
        ("assume-granted --max-bad 5", "--max-bad '5' is no share below 1: write a percentage as"),
        ("assume-granted --max-bad 1", "write a percentage as 1%, or a share such as 0.01"),
        ("assume-granted --max-bad 500%", "--max-bad '500%' is not between 0% and 100%: write"),
        ("assume-granted --map sku", "--map 'sku': write OURS=YOURS"),
        ("assume-granted --map item_id=sku", "p.csv has no column 'sku' for item_id"),
        ("assume-granted --map item_id=customer_id", "--map: customer_id and item_id would both"),
        ("assume-granted --shop 'A B'", "--shop 'A B' is not a shop name: write 1 to 32 of"),
    )
]
RANKING = [
    *(
        (f"evaluate {TRAIN} --out measured --leave-out {name}", f"--leave-out {name}: {said}")
        for name, said in (
            ("nope.txt", "No such file or directory; give a text file"),
            ("folder.csv", "Is a directory; give a text file"),
            ("latin.ndjson", "it is not UTF-8; give a text file"),
        )
    ),
    (f"{RANK} --customers customers.csv --offers offers_twice.csv", "column 'item_id' twice"),
    (f"{RANK} --offers offers.csv --customers customers_twice.csv", "column 'customer_id' twice"),
    (f"{RANK} --offers offers.csv --customers empty.csv", "empty.csv cannot be read: it is empty"),
]


@pytest.mark.parametrize(
    ("program", "line", "said"),
    [("recsvc", *each) for each in COMMANDS]
    + [("recsvc-train", *each) for each in TRAINING + RANKING],
)
def test_a_wrong_argument_is_named_with_the_right_form(
    folder: Path, monkeypatch: pytest.MonkeyPatch, program: str, line: str, said: str
) -> None:
    """Each command ends with 2; the last line of stderr is the error."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("RECSVC_DATA_DIR", str(folder / "data"))

    app = {"recsvc": recsvc, "recsvc-train": recsvc_train}[program]
    done = CliRunner().invoke(app, shlex.split(line))

    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "Errno" not in done.stderr
