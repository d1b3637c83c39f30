"""The report: self-contained, safe, reproducible, and complete whatever is missing."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from math import nan
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.unit.training.results_builders import (
    DATA,
    MODELS,
    estimate,
    held_slate,
    holdout,
    journey,
    slate,
    trained_only,
    unjudged,
)
from training.metrics.estimates import Estimate, Mean
from training.metrics.model import Family, Model
from training.metrics.results import (
    LearningWindow,
    ModelChoice,
    ModelOnWindows,
    ReasonCounts,
    Results,
    SlateOnHoldout,
    SlateResults,
    Slice,
)
from training.metrics.search_results import SearchedSlate, Tuning
from training.metrics.warm_start_results import WarmPath, WarmStart
from training.report.numbers import Interval
from training.report.page import render
from training.report.verdict import verdict
from training.report.words import certainty, comparison
from training.sources.ingest_report import Bad, IngestReport

ROOT = Path(__file__).parents[4]
LOADING = {"src", "srcset", "href", "xlink:href", "action", "data", "poster", "background"}
HOSTILE = "<script>x</script>\"'&{{ 7*7 }}"


class Elements(HTMLParser):
    """Collects every element of a page with its attributes, and the texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def tags(self) -> set[str]:
        return {tag for tag, _ in self.found}

    @property
    def text(self) -> str:
        return "\n".join(self.texts)


def drawings(page: str) -> list[str]:
    return re.findall(r"<svg .*?</svg>", page, re.DOTALL)


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


@pytest.fixture(scope="module")
def page() -> str:
    return render(journey(), parameters={"ranker": {"leaves": 15}, "tuned": False})


@pytest.fixture(autouse=True)
def quiet(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Check that Vega prints nothing: it continues after a layer that it cannot draw."""
    yield

    assert capfd.readouterr() == ("", "")


def test_the_page_is_self_contained(page: str) -> None:
    """The page has no script, no address and no external resource."""
    elements = Elements(page)
    loaded = {
        value
        for _, attributes in elements.found
        for name, value in attributes.items()
        if name in LOADING and not (value or "").startswith("#")
    }
    handlers = {name for _, each in elements.found for name in each if name.startswith("on")}

    assert loaded == set()
    assert handlers == set()
    assert elements.tags.isdisjoint({"script", "link", "img", "iframe", "object", "base", "image"})
    assert not re.search(r"://|url\(|@import|javascript:", page)


def test_element_ids_are_unique(page: str) -> None:
    """Element ids are unique across the page and its drawings."""
    ids = [each["id"] for _, each in Elements(page).found if "id" in each]

    assert sorted(set(ids), key=str) == sorted(ids, key=str)


def test_every_model_is_named(page: str) -> None:
    """The page names every model of the results."""
    texts = Elements(page).text

    assert [model.title for model in MODELS.values() if model.title not in texts] == []


def test_every_drawing_is_well_formed_and_described(page: str) -> None:
    """Every drawing is valid XML and has a description for screen readers."""
    found = [ElementTree.fromstring(drawing) for drawing in drawings(page)]  # noqa: S314 our own

    assert len(found) > 15
    assert all(each.get("aria-label") for each in found)


def test_the_page_has_all_sections(page: str) -> None:
    """The page has all its sections."""
    text = Elements(page).text
    headings = (
        "For you: learned ranker would be published",
        "Buy again: rhythm would be published",
        "All models on the holdout",
        "All models on past windows",
        "Properties of the lists",
        "By group of customers and items",
        "Features of the ranker",
        "Reasons shown to customers",
        "Customers without training data",
        "Switched off",
        "Glossary",
        "ranker.leaves",
    )

    assert [heading for heading in headings if heading not in text] == []


def test_equal_results_give_equal_bytes() -> None:
    """Another process with another hash seed and time zone writes the same page."""
    code = (
        "from dataclasses import replace\n"
        "from tests.unit.training.results_builders import slate, trained_only\n"
        "from training.report.page import render\n"
        "import sys\n"
        "sys.stdout.buffer.write(render(replace(trained_only(),"
        " slates={'for_you': slate('for_you')})).encode())"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"},
        capture_output=True,
        check=True,
    )
    here = render(replace(trained_only(), slates={"for_you": slate("for_you")}))

    assert run.stdout.decode() == here


def test_names_from_input_files_are_escaped() -> None:
    """Names of items, columns and features are escaped."""
    harmless = Elements(render(named("x"), title="x", parameters={"x": "x"}))
    hostile = Elements(render(named(HOSTILE), title=HOSTILE, parameters={HOSTILE: HOSTILE}))

    assert harmless.tags == hostile.tags
    assert hostile.text.count(HOSTILE) > 10
    assert "7*7" in hostile.text


def test_controls_in_names_are_not_shown() -> None:
    """Null bytes, bidirectional controls and surrogates are removed from names."""
    page = render(named("a\x00b\u202ec\ud800"))

    assert not set(page) & set("\x00\u202e\ud800")
    assert page.encode()


def named(name: str) -> Results:
    model = Model("m", name, Family.RANKER)
    other = Model("n", name, Family.PERSONAL)
    mean = Mean(0.4, 0.01, 90)
    models = (
        ModelOnWindows(model, 1.0, (mean,), None),
        ModelOnWindows(other, 0.9, (mean,), Mean(-0.02, 0.004, 90)),
    )
    found = slate("for_you")
    importances = tuple(replace(each, feature=name, group=name) for each in found.importances)
    held = held_slate("for_you")
    held = replace(
        held,
        models=tuple(replace(each, model=replace(each.model, title=name)) for each in held.models),
        slices=(Slice(name, name, 9, {name: estimate(0.4, 0.01)}),),
    )
    return replace(
        journey(),
        judged=False,
        reason=name,
        slates={
            "for_you": SlateResults(ModelChoice("m", True, name, "n", "m"), models, importances)
        },
        windows=(LearningWindow(name, name, judged=True, lines=9, customers=9),),
        switched_off={name: name},
        reasons={name: ReasonCounts({name: 9}, 0, 0)},
        holdout=holdout({"for_you": held}),
    )


def no_slates() -> Results:
    return replace(journey(), slates={}, holdout=holdout({}))


def no_ranker() -> Results:
    """Return results with base models only."""
    found = slate("buy_again")
    models = tuple(each for each in found.models if each.model.name != "ranker")
    choice = ModelChoice("rhythm", True, "no learned model could be fitted", "rhythm")
    return replace(trained_only(), slates={"buy_again": SlateResults(choice, models)})


def nothing_measured() -> Results:
    """Return results in which every number is NaN."""
    broken = Estimate(nan, nan, nan, nan)
    lost = Mean(nan, nan, 0)
    held = held_slate("for_you")
    models = tuple(
        replace(
            each,
            metrics=dict.fromkeys(each.metrics, broken),
            versus_winner=broken,
            coverage=nan,
            novelty=nan,
            popularity_bias=nan,
            diversity=nan,
        )
        for each in held.models
    )
    found = slate("for_you")
    return replace(
        journey(),
        data=replace(DATA, repeat_share=nan, orders_per_customer=nan),
        slates={
            "for_you": replace(
                found,
                choice=replace(found.choice, gain=lost),
                models=tuple(
                    replace(each, windows=(lost, None, lost), versus_winner=lost, relative=nan)
                    for each in found.models
                ),
                importances=tuple(replace(each, share=nan) for each in found.importances),
            )
        },
        reasons={"for_you": ReasonCounts({}, 0, 0)},
        warm_start=(WarmStart("for_you", 0, (WarmPath(1, lost, lost),), lost),),
        holdout=holdout(
            {
                "for_you": SlateOnHoldout(
                    0, nan, nan, nan, models, (Slice("customers by orders", "few", 0, {}),)
                )
            }
        ),
    )


def one_window() -> Results:
    found = slate("discover")
    models = tuple(replace(each, windows=each.windows[:1]) for each in found.models)
    return replace(
        trained_only(),
        windows=trained_only().windows[:1],
        slates={"discover": replace(found, models=models)},
    )


def no_dates() -> Results:
    """Return results of purchases without timestamps."""
    windows = (
        LearningWindow("87.5 %", "100 %", judged=True, lines=700, customers=61),
        LearningWindow("75 %", "87.5 %", judged=True, lines=600, customers=60),
    )
    return replace(one_window(), data=replace(DATA, first=None, last=None), windows=windows)


def zero_customers() -> Results:
    empty = replace(DATA, customers=0, items=0, orders=0, lines=0, categories=0)
    held = replace(
        holdout({"for_you": SlateOnHoldout(0, 0.0, 0.0, 0.0, (), ())}), customers=0, lines=0
    )
    return replace(unjudged(), data=empty, holdout=held)


def forty_models() -> Results:
    found = slate("for_you")
    many = tuple(
        replace(found.models[-1], model=Model(f"m{at}", f"model no. {at}", Family.COLLABORATIVE))
        for at in range(39)
    )
    return replace(
        trained_only(), slates={"for_you": replace(found, models=(found.models[0], *many))}
    )


@pytest.mark.parametrize(
    "made",
    [
        trained_only,
        unjudged,
        no_slates,
        no_ranker,
        nothing_measured,
        one_window,
        no_dates,
        zero_customers,
        forty_models,
    ],
)
def test_missing_values_are_not_shown(made: Callable[[], Results]) -> None:
    """Results with missing parts give a page without NaN, None or empty values."""
    page = render(made())
    words = set(re.findall(r"[A-Za-z]+", Elements(page).text))

    assert words.isdisjoint({"nan", "NaN", "None", "inf", "undefined", "null"})
    assert all(ElementTree.fromstring(each) is not None for each in drawings(page))  # noqa: S314


def test_forty_models_are_all_drawn() -> None:
    """Forty models are all drawn, in closer rows."""
    drawn = drawings(render(forty_models()))[1]

    assert [at for at in range(39) if f">model no. {at}<" not in drawn] == []


def test_without_dates_the_timeline_uses_shares_of_rows() -> None:
    """Without dates, windows are drawn by their share of the rows."""
    timeline = drawings(render(no_dates()))[0]

    assert "models compared: 61 customers" in timeline
    assert "100\N{NO-BREAK SPACE}%<" in timeline


def test_the_headline_gives_gain_and_certainty() -> None:
    """The headline gives a learned model's gain and certainty, on the holdout if there is one."""
    held = verdict("for_you", slate("for_you"), held_slate("for_you"))
    windows = verdict("for_you", slate("for_you"), None)

    assert plain(held.number) == "3.0 % better"
    assert (
        plain(held.meaning)
        == "than the best base model (rhythm) on the holdout, with 95 % certainty"
    )
    assert plain(windows.number) == "3.3 % better"
    assert held.sure
    assert windows.sure


def test_a_better_base_model_on_the_holdout_is_named() -> None:
    """The headline names a base model that was better on the holdout, and the reason why it was not
    chosen.
    """
    found = verdict("for_you", slate("for_you"), with_better_model("rhythm", 0.2, error=0.002))

    assert found.number == "Not the best"
    assert plain(found.meaning).startswith(
        "on the holdout it reached 68.7 % of the NDCG of rhythm, with 95 % certainty; "
        "models are chosen on past"
    )
    assert not found.sure


def test_an_insignificant_advantage_is_no_clear_difference() -> None:
    """A base model's insignificant advantage on the holdout is shown as no clear difference."""
    found = verdict("for_you", slate("for_you"), with_better_model("rhythm", 0.002, error=0.002))

    assert found.number == "No clear difference"
    assert plain(found.meaning) == ("from rhythm on the holdout: 0.5 % worse, which may be chance")
    assert not found.sure


def with_better_model(name: str, behind: float, error: float) -> SlateOnHoldout:
    """Return a holdout on which a base model is better than the chosen one by `behind`."""
    held = held_slate("for_you")
    best = held.models[0].metrics["ndcg@10"].mean + behind
    return replace(
        held,
        models=tuple(
            replace(
                each,
                metrics={**each.metrics, "ndcg@10": estimate(best, 0.0068)},
                versus_winner=estimate(behind, error),
            )
            if each.model.name == name
            else each
            for each in held.models
        ),
    )


def test_an_insignificant_gain_is_marked() -> None:
    """A gain whose interval contains zero is marked as possible chance."""
    found = verdict("discover", slate("discover"), held_slate("discover"))

    assert not found.sure
    assert found.meaning.endswith("which may be chance")


def test_a_base_model_that_wins_is_compared_with_the_learned_one() -> None:
    """If a base model wins, the page names the best learned model and its difference."""
    found = verdict("buy_again", slate("buy_again"), None)

    assert found.number == "Base model"
    assert "learned ranker) is not chosen" in found.sentences[0]


def test_an_unknown_gain_is_not_shown() -> None:
    """Without values of the base model, no gain is shown."""
    found = slate("for_you")
    alone = verdict("for_you", replace(found, models=found.models[:1]), None)

    assert (alone.number, alone.sure) == ("Chosen", False)


def test_only_a_run_says_that_a_model_is_published() -> None:
    """The page of an evaluation says "would be published", the page of a run "is published"."""
    evaluation, run = (plain(Elements(render(made)).text) for made in (journey(), trained_only()))

    assert "is published" not in evaluation.partition("Glossary")[0]
    assert "shows for each slate which model would be published" in evaluation
    assert "shows for each slate which model is published" in run
    assert "For you: learned ranker is published" in run


READ = IngestReport(
    files=2,
    rows_read=1000,
    rows_used=940,
    left_out={"item is sensitive": 50},
    bad={"timestamp: not a date or time": Bad(9, ("p.csv row 3: 'soon'",)), "x": Bad(1)},
    switched_off={"timestamp": "decay by age", "order_id": "baskets by order"},
    notices={"rows without a quantity (taken as 1)": 7},
)


def test_rows_are_shown_as_counts() -> None:
    """The page shows counts of rows and no example of a bad row."""
    page = plain(render(trained_only(), read=[READ]))
    rows = re.findall(r'<td class="figure">([\d,]+)</td><td>(.*?)</td>', page)

    assert rows == [
        ("1,000", "read"),
        ("940", "used"),
        ("50", "left out: item is sensitive"),
        ("10", "bad, 1.0 % of the usable rows"),
        ("9", "of them: timestamp: not a date or time"),
        ("1", "of them: x"),
        ("7", "noticed: rows without a quantity (taken as 1)"),
    ]
    assert "soon" not in page
    assert "held out" not in page


def test_missing_columns_are_listed_once() -> None:
    """A missing column is listed once, by the part that it switches off if there is one."""
    found = replace(trained_only(), switched_off={"time": "no timestamps: nothing trends"})
    page = render(found, read=[READ, replace(READ, switched_off={"price": "of the holdout"})])

    assert "<dt>no order_id</dt><dd>baskets by order</dd>" in page
    assert "<dt>time</dt>" in page
    assert "<dt>no timestamp</dt>" not in page
    assert "of the holdout" not in page
    assert "Rows of the purchases held out" in page


def test_a_false_reason_is_shown_as_a_fault() -> None:
    """Reasons that name an item that was not bought are shown as a notice."""
    counts = {"for_you": ReasonCounts({"because_you_bought": 10}, 10, 9)}
    page = render(replace(trained_only(), slates={}, reasons=counts, warm_start=()))

    assert '<p class="notice">10 reasons name an item' in page
    assert "in 90.000 % of them" in plain(page)


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.031, "3.1 % better"), (-0.004, "0.4 % worse"), (1e-4, "no better"), (2, "200.0 % better")],
)
def test_a_difference_in_words(share: float, words: str) -> None:
    """A difference is written as better, worse or no better, and never as "0.0 % better"."""
    assert plain(comparison(share)) == words


@pytest.mark.parametrize(
    ("gain", "changed", "words"),
    [
        (Mean(0.00214, 0.0008, 900), True, "For you: 0.0021 ± 0.0008."),
        (
            Mean(-0.0004, 0.0008, 900),
            False,
            "For you: \N{MINUS SIGN}0.0004 ± 0.0008, not clearly better: the defaults are kept.",
        ),
        (None, False, "For you: no trial was better, the defaults are kept."),
    ],
)
def test_a_settings_search_is_described(gain: Mean | None, changed: bool, words: str) -> None:
    """The page gives the number of trials, the minutes, and the gain of each slate."""
    tuning = Tuning(9.84, {"for_you": SearchedSlate(57, changed, gain)})
    text = plain(Elements(render(replace(unjudged(), tuning=tuning))).text)

    assert "Tuned: 57 trials in 9.8 minutes." in text
    assert words in text


def test_an_impossible_search_is_mentioned() -> None:
    """A search that was impossible is mentioned, and no search is not."""
    text = Elements(render(replace(unjudged(), tuning=Tuning(0.0, {})))).text

    assert "Not tuned: the history is too short" in text
    assert "uned" not in Elements(render(unjudged())).text


def test_certainty_without_an_interval() -> None:
    """Without an interval, the certainty is unknown."""
    assert certainty(Interval(0.1)) == "the certainty is unknown"
