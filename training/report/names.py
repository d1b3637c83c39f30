"""Display names of the report: slates, model families, reasons, metrics; and its glossary."""

from collections.abc import Mapping

from training.metrics.model import Family, Model
from training.metrics.results import METRIC_KS

_SLATES = {
    "for_you": ("For you", "All items: new to the customer or bought before."),
    "discover": ("Discover", "Only items that the customer has never bought."),
    "similar": ("Similar items", "Items that could be taken instead of an item."),
    "bought_together": ("Bought together", "Items that go with an item, or complete a basket."),
    "buy_again": ("Buy again", "Only items that the customer has bought before."),
}

FAMILIES = {
    Family.RANKER: "learned ranker",
    Family.BLEND: "learned blend",
    Family.COLLABORATIVE: "similar customers and items",
    Family.PERSONAL: "own purchases",
    Family.POPULARITY: "best sellers",
}

REASONS = {
    "because_you_bought": "Because you bought …",
    "buy_again_due": "Due again",
    "popular": "Popular",
    "popular_in_category": "Popular in the category",
    "trending": "Trending",
    "similar": "Similar",
    "bought_together": "Often bought together",
}

MEASURES = {"ndcg": "NDCG", "recall": "Recall", "hit_rate": "Hit rate", "mrr": "MRR"}

PUBLISHED = "winner"  # the published model's key in a Slice

GLOSSARY = {
    "NDCG@10": "Quality of a list's first ten items: 1 if all items bought later are at the top, 0 "
    "if none of them is listed; an item at a lower rank counts less.",
    "Recall": "Share of the items bought later that are listed (of at most the list's length).",
    "Hit rate": "Share of customers who bought at least one item of their list.",
    "MRR": "Mean of 1 / rank of the first item that was bought: 1 at rank one, 0.5 at rank two.",
    ", ".join(f"@{k}" for k in METRIC_KS): "Number of items of each list that are counted.",
    "95 % interval": "Range of the true value with 95 % certainty; wider with fewer customers. "
    "Models are compared on the same customers, so a difference is known more precisely than the "
    "two values.",
    "Past window": "A past time range. Models trained on earlier purchases are compared on it. The "
    "published model is chosen on past windows only.",
    "Holdout": "Purchases that were used neither for training nor for the choice of a model.",
    "Coverage": "Share of the catalogue that is listed for at least one customer.",
    "Novelty": "How rarely the listed items are bought: one more means half as many buyers.",
    "Popularity bias": "How popular the listed items are: 100 % means best sellers only.",
    "Diversity": "How different the items of a list are: 1 if no two items share a buyer.",
    "Base model": "A model without learning to rank, such as best sellers or the customer's own "
    "purchases. A learned model combines base models. It is published only if clearly better.",
}


def slate_title(slate: str) -> str:
    return _SLATES[slate][0] if slate in _SLATES else slate.replace("_", " ").capitalize()


def slate_meaning(slate: str) -> str:
    return _SLATES[slate][1] if slate in _SLATES else ""


def reason_title(code: str) -> str:
    return REASONS.get(code, code.replace("_", " ").capitalize())


def is_learned(model: Model) -> bool:
    return model.family in (Family.BLEND, Family.RANKER)


def title_of(name: str, models: Mapping[str, Model]) -> str:
    return models[name].title if name in models else name.replace("_", " ")
