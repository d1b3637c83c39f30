"""The report: results → one self-contained HTML page. Reads no data and opens no socket.

The template escapes every text. Numbers and sentences come from `words`, `tables` and `charts`.
Equal results and parameters give equal bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from training.metrics.results import Results, SlateOnHoldout, SlateResults
from training.report import charts, item_lists, new_purchases, reading, tables, words
from training.report.drawing import draw
from training.report.names import FAMILIES, GLOSSARY, slate_meaning, slate_title
from training.report.numbers import clean, day
from training.report.timeline import timeline
from training.report.verdict import VerdictSection, models_of, verdict
from training.sources.ingest_report import IngestReport

_TITLE = "Quality of the recommendations"
_CSS = Path(__file__).with_name("templates") / "page.css"


@dataclass(frozen=True, slots=True)
class SlateSection:
    """The page's content for one slate. A figure without values is an empty text."""

    name: str
    title: str
    meaning: str
    verdict: VerdictSection
    reason: str
    windows: Markup
    windows_table: tables.Table
    held: str
    holdout: Markup
    holdout_table: tables.Table | None
    properties: Markup
    slices: list[tuple[str, Markup]]
    importances: Markup
    features: list[tuple[str, str, str]]


def render(
    results: Results,
    *,
    read: Sequence[IngestReport] = (),
    title: str = _TITLE,
    parameters: Mapping[str, object] | None = None,
    gate: Sequence[str] = (),
) -> str:
    """Return the page. `read` are the ingest reports of the purchases and of a holdout file;
    `parameters` are the other settings to repeat the run. They contain no secrets. `gate` are the
    sentences of the publication gate.
    """
    return (
        _templates()
        .get_template("page.html")
        .render(
            title=title,
            css=Markup(_CSS.read_text(encoding="utf-8")),  # noqa: S704 our own file
            results=results,
            gate=gate,
            lead=words.lead(results),
            families=FAMILIES,
            slates=[_section(results, slate) for slate in results.slates],
            item_slates=[
                item_lists.section(slate, found) for slate, found in results.item_slates.items()
            ],
            published=words.published(results),
            tiles=tables.tiles(results.data),
            read=reading.rows_read(read),
            switched_off=reading.switched_off(results, read),
            windows_sentence=words.windows_sentence(results),
            constants_sentence=words.constants_sentence(results),
            tuning_sentence=words.tuning_sentence(results),
            anonymity=results.anonymity and words.anonymity_sentence(results.anonymity),
            popular=results.popular and words.popular_sentence(results.popular),
            timeline=timeline(results),
            holdout_sentence=words.holdout_sentence(results),
            warm=_warm(results),
            new_purchases=results.new_purchases and new_purchases.sentences(results.new_purchases),
            reasons=draw(charts.reasons_figure(results.reasons)),
            reasons_sentence=words.reasons_sentence(results.reasons),
            reasons_true=all(
                each.named == each.named_in_history for each in results.reasons.values()
            ),
            glossary=GLOSSARY,
            settings=tables.settings(results.data, parameters or {}),
            day=day,
            slate_title=slate_title,
        )
    )


def _warm(results: Results) -> list[tuple[str, Markup]]:
    return [
        (words.warm_sentence(each), draw(charts.warm_figure(each))) for each in results.warm_start
    ]


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("training.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _shown(value: Any) -> Any:
    """Remove characters that cannot be shown; markup is our own."""
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _section(results: Results, slate: str) -> SlateSection:
    found = results.slates[slate]
    held = results.holdout.slates.get(slate) if results.holdout else None
    winner = found.choice.winner
    return SlateSection(
        name=slate,
        title=slate_title(slate),
        meaning=slate_meaning(slate),
        verdict=verdict(slate, found, held),
        reason=clean(found.choice.reason),
        windows=draw(charts.windows_figure(slate, found)),
        windows_table=tables.windows_table(found, results.windows, winner),
        held=words.slate_on_holdout_sentence(held) if held else "",
        holdout=draw(charts.holdout_figure(slate, held, winner)) if held else Markup(),
        holdout_table=tables.metrics_table(held, winner) if held and held.models else None,
        properties=draw(charts.properties_figure(slate, held, winner)) if held else Markup(),
        slices=_slices(slate, found, held),
        importances=draw(charts.importances_figure(slate, found.importances)),
        features=tables.features(found.importances),
    )


def _slices(
    slate: str, found: SlateResults, held: SlateOnHoldout | None
) -> list[tuple[str, Markup]]:
    if held is None:
        return []
    models = models_of(found, held)
    drawn = [
        (of, draw(figure))
        for of, figure in charts.slice_figures(slate, held, models, found.choice.winner)
    ]
    return [(of, figure) for of, figure in drawn if figure]
