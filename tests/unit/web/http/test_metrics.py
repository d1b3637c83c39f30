"""Each metric has a description and only labels with few values."""

from prometheus_client import Counter, Histogram

from recsvc.web.http import metrics

DECLARED = [value for value in vars(metrics).values() if isinstance(value, Counter | Histogram)]
FEW = {
    "by",
    "type",
    "result",
    "route",
    "method",
    "status",
    "slate",
    "fallback",
    "purpose",
    "granted",
}


def test_metrics_have_our_prefix_and_few_labels() -> None:
    """Each metric has the prefix `recsvc_`, a description and no label for ids."""
    for metric in DECLARED:
        (family,) = metric.describe()
        assert family.name.startswith("recsvc_")
        assert family.documentation
        assert set(metric._labelnames) <= FEW  # noqa: SLF001 - the library has no other way
