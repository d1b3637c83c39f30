"""`recsvc-train evaluate-offers` on a shop with two taste groups."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.e2e.processes import recsvc_train
from tests.e2e.trainer import train_here
from tests.unit.training.builders import Line, two_tastes, write

COVERED = {
    "coffee:{new}": ["coffee-1"],  # an item without purchases
    "nuts *": ["nut-0", "nut-1", "nut-2"],
    "teas": ["tea-0", "tea-1", "tea-2", "tea-3"],
}
TEA_LOVER, NUT_LOVER, UNKNOWN_CUSTOMER = "c1", "c19", "unknown"
AS_OF = "2026-02-15"  # of visits until 2026-02-25
AFTER = 50.0  # days from the first
MORE_TEA = ("c2", "tea-1", 1.0)  # so that tea is popular


def covered(path: Path) -> Path:
    rows = [(offer, item) for offer, items in COVERED.items() for item in items]
    table = pl.DataFrame(rows, schema=["offer_id", "item_id"], orient="row")
    table.write_csv(path) if path.suffix == ".csv" else table.write_parquet(path)
    return path


def evaluate(
    folder: Path,
    bought: list[Line],
    *words: str,
    expect: int = 0,
    how: Callable[..., Any] = train_here,
    **files: Path,
) -> Any:
    """Run the command on a shop and return its result."""
    customers = folder / "customers.csv"
    customers.write_text(
        f"customer_id\n{TEA_LOVER}\n{UNKNOWN_CUSTOMER}\n{NUT_LOVER}\n{NUT_LOVER}\n"
    )
    given = {
        "purchases": write(folder / "purchases.csv", bought),
        "offers": folder / "offers.csv",
        "customers": customers,
        "out": folder / "ranked.parquet",
        **files,
    }
    if not given["offers"].exists():
        covered(given["offers"])
    options = [part for name, path in given.items() for part in (f"--{name}", str(path))]
    consents = [] if "--consents" in words else ["--consents", "assume-granted"]
    as_of = [] if "--as-of" in words else ["--as-of", AS_OF]
    return how(
        "evaluate-offers", *options, *consents, *as_of, *words, data_dir=folder, expect=expect
    )


def ranked(folder: Path) -> dict[str, list[str]]:
    """Return each customer's offers, best first."""
    table = pl.read_parquet(folder / "ranked.parquet").sort("customer_id", "rank")
    return {
        str(customer): rows["offer_id"].to_list()
        for (customer,), rows in table.group_by(["customer_id"], maintain_order=True)
    }


@pytest.fixture
def bought() -> list[Line]:
    return [*two_tastes(), *[MORE_TEA] * 3]


def test_every_customer_gets_all_offers_with_the_own_taste_first(
    tmp_path: Path, bought: list[Line]
) -> None:
    """Offers of the customer's own taste come first, an unknown customer gets them by popularity,
    and offers without purchases come last.
    """
    evaluate(tmp_path, bought)

    assert ranked(tmp_path) == {
        TEA_LOVER: ["teas", "nuts *", "coffee:{new}"],
        NUT_LOVER: ["nuts *", "teas", "coffee:{new}"],
        UNKNOWN_CUSTOMER: ["teas", "nuts *", "coffee:{new}"],
    }


def test_the_table_has_its_documented_columns_and_order(tmp_path: Path, bought: list[Line]) -> None:
    """Ranks start at one without gaps, scores fall with rank, and the JSON summary counts the
    rows.
    """
    run = evaluate(tmp_path, bought, "--json", how=recsvc_train)
    table = pl.read_parquet(tmp_path / "ranked.parquet")

    assert table.schema == {
        "customer_id": pl.String,
        "offer_id": pl.String,
        "rank": pl.Int32,
        "score": pl.Float64,
    }
    for _, rows in table.group_by("customer_id"):
        assert rows.sort("rank")["rank"].to_list() == [1, 2, 3]
        assert rows.sort("rank")["score"].is_sorted(descending=True)
    assert json.loads(run.stdout) == {
        "offers": 3,
        "customers": 3,
        "customers_not_personal": 1,
        "bad_rows": {},
    }
    assert {file.name for file in tmp_path.iterdir()} == {
        "purchases.csv",
        "offers.csv",
        "customers.csv",
        "ranked.parquet",
    }


def test_purchases_after_the_date_are_not_used(tmp_path: Path, bought: list[Line]) -> None:
    """Purchases on or after the given day change no byte of the result."""
    before = [line for line in bought if line[2] < 40]
    later = [(NUT_LOVER, "tea-1", AFTER + day) for day in range(30)]
    new = [(TEA_LOVER, "coffee-1", AFTER)] * 30
    evaluate(tmp_path, before)
    first = (tmp_path / "ranked.parquet").read_bytes()
    evaluate(tmp_path, [*before, *later, *new])

    assert (tmp_path / "ranked.parquet").read_bytes() == first


def test_a_customer_without_training_consent_is_ranked_as_unknown(
    tmp_path: Path, bought: list[Line]
) -> None:
    """A customer without training consent gets the ranking of an unknown customer, and their
    purchases do not count as popularity.
    """
    consents = tmp_path / "consents.csv"
    permits = {customer for customer, _, _ in bought} - {NUT_LOVER}
    consents.write_text(
        "customer_id,training\n"
        + "".join(f"{customer},true\n" for customer in sorted(permits))
        + f"{NUT_LOVER},false\n"
    )
    evaluate(tmp_path, bought, "--consents", str(consents))
    table = pl.read_parquet(tmp_path / "ranked.parquet").drop("customer_id")
    by_customer = pl.read_parquet(tmp_path / "ranked.parquet")["customer_id"]
    with_nuts = table.filter(by_customer == NUT_LOVER)
    unknown = table.filter(by_customer == UNKNOWN_CUSTOMER)
    evaluate(tmp_path, [line for line in bought if line[0] != NUT_LOVER])
    without = pl.read_parquet(tmp_path / "ranked.parquet").filter(by_customer == UNKNOWN_CUSTOMER)

    assert with_nuts.equals(unknown)
    assert unknown.equals(without.drop("customer_id"))


def test_without_any_consent_offers_are_ordered_by_id(tmp_path: Path, bought: list[Line]) -> None:
    """Without any training consent, every customer gets the offers ordered by id."""
    (tmp_path / "consents.csv").write_text(f"customer_id,training\n{TEA_LOVER},false\n")
    evaluate(tmp_path, bought, "--consents", str(tmp_path / "consents.csv"))

    assert ranked(tmp_path)[TEA_LOVER] == sorted(COVERED)


def test_the_order_of_rows_changes_nothing(tmp_path: Path, bought: list[Line]) -> None:
    """Reversed rows, as Parquet and in another process, give the same bytes."""
    evaluate(tmp_path, bought)
    first = (tmp_path / "ranked.parquet").read_bytes()
    offers = covered(tmp_path / "offers.parquet")
    pl.read_parquet(offers).reverse().write_parquet(offers)
    evaluate(tmp_path, bought[::-1], offers=offers, how=recsvc_train)

    assert (tmp_path / "ranked.parquet").read_bytes() == first


def test_categories_rank_offers_without_a_bought_item(tmp_path: Path) -> None:
    """A customer who bought no item of any offer gets the offer of a bought category first."""
    bought = [*two_tastes(), *[("c2", "tea-0", 3.0)] * 9]
    offers, items = tmp_path / "offers.csv", tmp_path / "items.csv"
    offers.write_text("offer_id,item_id\npopular,tea-0\nown,nut-9\n")
    names = [f"{taste}-{number}" for taste in ("tea", "nut") for number in range(10)]
    items.write_text("item_id,category\n" + "".join(f"{n},{n[:3]}\n" for n in names))
    other = ("c18", "nut-9", 3.0)  # another customer has bought it
    evaluate(tmp_path, [*bought, other], "--items", str(items), offers=offers)

    assert ranked(tmp_path) == {
        NUT_LOVER: ["own", "popular"],
        TEA_LOVER: ["popular", "own"],
        UNKNOWN_CUSTOMER: ["popular", "own"],
    }


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("offers", "offer,item_id\na,b\n", "no column 'offer_id'"),
        ("offers", "offer_id,item_id\n", "no row to read"),
        ("offers", "offer_id,item_id\na,b/\n", "item_id: contains a '/' at its end b/"),
        ("customers", "customer\nc1\n", "no column 'customer_id'"),
        ("customers", "customer_id\nsome/\n", "a customer's id is not shown"),
        ("purchases", "customer_id,item_id\nc1,tea-0\n", "without a timestamp"),
    ],
)
def test_an_unreadable_input_is_named_and_nothing_is_written(
    tmp_path: Path, bought: list[Line], name: str, text: str, words: str
) -> None:
    """An unreadable input exits with code 2 and names the file, the column or the row."""
    wrong = tmp_path / "wrong.csv"
    wrong.write_text(text)
    run = evaluate(tmp_path, bought, expect=2, **{name: wrong})

    assert words in run.stderr
    assert "some/" not in run.stderr
    assert not (tmp_path / "ranked.parquet").exists()


@pytest.mark.parametrize(
    "as_of", ["8 May", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-23:59"]
)
def test_an_invalid_date_is_refused(tmp_path: Path, bought: list[Line], as_of: str) -> None:
    """An invalid date is refused, and the message shows a valid one."""
    run = evaluate(tmp_path, bought, "--as-of", as_of, expect=2)

    assert "write a day as 2017-05-08" in run.stderr
