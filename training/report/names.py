"""What things are called on the page: slates, families, reasons, measures. Only words."""

from collections.abc import Mapping

from training.metrics.model import Family, Model
from training.metrics.results import METRIC_KS

_SLATES = {
    "for_you": ("For you", "Whatever the customer may buy next, new to them or not."),
    "discover": ("Discover", "Only what the customer has never bought before."),
    "buy_again": ("Buy again", "Only what the customer has bought before and may need again."),
}

FAMILIES = {
    Family.RANKER: "learned ranker",
    Family.BLEND: "learned blend",
    Family.COLLABORATIVE: "similar customers and items",
    Family.PERSONAL: "own purchases",
    Family.POPULARITY: "best sellers",
}

_REASONS = {
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
    "NDCG@10": "How close the ten items shown come to the best possible ten: 1 when everything "
    "bought stands on top of the list, 0 when nothing of it was shown; a hit further down counts "
    "less.",
    "Recall": "The share of what was bought that was shown (of at most as many as fit the list).",
    "Hit rate": "The share of customers who bought at least one of the items shown to them.",
    "MRR": "One divided by the place of the first hit: 1 for the first place, 0.5 for the second.",
    ", ".join(f"@{k}" for k in METRIC_KS): "How many items of each list are looked at.",
    "95 % interval": "Where the true value lies with 95 % certainty; the fewer the customers, the "
    "wider. Models are compared on the same customers, so a difference is known more exactly than "
    "either of the two values.",
    "Past window": "A stretch of time in the past that the models had not seen when they were "
    "compared on it. What is published is chosen on past windows only.",
    "Holdout": "Purchases that nothing was learned from and nothing was chosen by.",
    "Coverage": "The share of the catalogue that is shown to at least one customer.",
    "Novelty": "How little known the shown items are: one more means half as many buyers.",
    "Popularity bias": "How popular the shown items are: 100 % would be nothing but best sellers.",
    "Diversity": "How different the items of one list are: 1 when no two share a buyer.",
    "Simple model": "A model of one idea, such as best sellers or the customer's own purchases. "
    "A learned model combines them, and is published only where it clearly does better.",
}


def slate_title(slate: str) -> str:
    return _SLATES[slate][0] if slate in _SLATES else slate.replace("_", " ").capitalize()


def slate_meaning(slate: str) -> str:
    return _SLATES[slate][1] if slate in _SLATES else ""


def reason_title(code: str) -> str:
    return _REASONS.get(code, code.replace("_", " ").capitalize())


def is_learned(model: Model) -> bool:
    return model.family in (Family.BLEND, Family.RANKER)


def title_of(name: str, models: Mapping[str, Model]) -> str:
    return models[name].title if name in models else name.replace("_", " ")
