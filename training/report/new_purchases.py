"""Sentences about purchases since training, of customers of the model."""

from training.metrics.new_purchases_results import JudgedPurchases, NewPurchasesPath
from training.report.names import slate_title
from training.report.numbers import MINUS, count, figure, known, number


def sentences(found: JudgedPurchases) -> list[str]:
    """Return the chosen share, then the figures of each slate."""
    share = number(found.share, 2)
    chosen = (
        f"One half of the customers of the newest window chose a share of {share} of the chances "
        "that later purchases give an item; below are the other half, whose purchases of the first "
        "days were told."
        if found.share
        else "One half of the customers of the newest window chose the trained lists alone: later "
        "purchases add nothing to them."
    )
    return [chosen, *(_of_slate(slate, paths) for slate, paths in found.slates.items())]


def _of_slate(slate: str, paths: tuple[NewPurchasesPath, ...]) -> str:
    return f"{slate_title(slate)}: {'; '.join(map(_path, paths))}."


def _path(path: NewPurchasesPath) -> str:
    gain = "–"
    if known(path.gain.mean) is not None:
        gain = f"{path.gain.mean:+.4f} ± {path.gain.error:.4f}".replace("-", MINUS)
    return (
        f"{number(path.days, 1)} days told: NDCG@10 {figure(path.told.mean, 4)}, {gain} beside the "
        f"trained lists alone ({count(path.gain.customers)} customers)"
    )
