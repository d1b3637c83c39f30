"""Latency while a new model is loaded: two versions alternate under a steady load."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from recsvc.model.artifact.versions import Versions
from tests.bench.figures import MILLISECONDS, percentile
from tests.bench.load import Answered, Generator
from tests.bench.requests import RequestKind
from tests.bench.shops import OTHER_NAMES, Shop

RATE = 200.0  # requests a second
CALM_SECONDS = 2.0
OK = 200


@dataclass(frozen=True, slots=True)
class Swap:
    """Measured swaps. Seconds are relative to the replacement of `CURRENT`."""

    seconds_to_first_new: list[float]
    seconds_to_last_old: list[float]  # when the last request began that the old version answered
    requests: int
    failures: int
    wrong_items: int  # items that the model_version of their response does not have
    p99_ms: float
    longest_ms: float


class _Item(msgspec.Struct):
    item_id: str


class _Answer(msgspec.Struct):
    model_version: str
    items: list[_Item]


def measure_swaps(
    generator: Generator, kind: RequestKind, shop: Shop, versions: Versions, each_seconds: float
) -> Swap:
    """Activate the second version and then the first one again, under load."""
    first, second = shop.versions
    wait = generator.pace(kind, CALM_SECONDS + 2 * each_seconds, RATE)
    time.sleep(CALM_SECONDS)
    replaced = [(second, _activated(versions, second))]
    time.sleep(each_seconds)
    replaced.append((first, _activated(versions, first)))
    return _judged(wait, replaced, OTHER_NAMES.decode(), second)


def _activated(versions: Versions, version: str) -> float:
    versions.activate(version)
    return time.monotonic()


def _judged(
    wait: Callable[[], list[Answered]], replaced: list[tuple[str, float]], mark: str, marked: str
) -> Swap:
    answers = sorted(wait(), key=lambda answer: answer.due)
    good = [answer for answer in answers if answer.status == OK]
    bodies = [msgspec.json.decode(answer.body, type=_Answer) for answer in good]
    seen = [(answer.due, body.model_version) for answer, body in zip(good, bodies, strict=True)]
    ends = [at for _, at in replaced[1:]] + [time.monotonic()]
    spans = [
        [(due - at, found == version) for due, found in seen if at <= due < end]
        for (version, at), end in zip(replaced, ends, strict=True)
    ]
    latencies = [answer.seconds for answer in answers]
    return Swap(
        seconds_to_first_new=[min(since for since, is_new in span if is_new) for span in spans],
        seconds_to_last_old=[
            max((since for since, is_new in span if not is_new), default=0.0) for span in spans
        ],
        requests=len(answers),
        failures=len(answers) - len(good),
        wrong_items=sum(
            any(
                item.item_id.startswith(mark) != (body.model_version == marked)
                for item in body.items
            )
            for body in bodies
        ),
        p99_ms=percentile(latencies, 99),
        longest_ms=max(latencies) * MILLISECONDS,
    )
