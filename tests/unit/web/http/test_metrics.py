"""Every metric is documented, and none can grow without bound."""

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
    """No label may hold an id."""
    for metric in DECLARED:
        (family,) = metric.describe()
        assert family.name.startswith("recsvc_")
        assert family.documentation
        assert set(metric._labelnames) <= FEW  # noqa: SLF001 - the library has no other way
