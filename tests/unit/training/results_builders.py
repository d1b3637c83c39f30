"""Results as of a run on Complete Journey; each part can be left out or replaced."""

from collections.abc import Mapping
from dataclasses import replace

from training.metrics.estimates import Estimate, Mean
from training.metrics.model import Family, Model
from training.metrics.results import (
    METRICS,
    DataSummary,
    HoldoutResults,
    Importance,
    LearningWindow,
    ModelChoice,
    ModelOnHoldout,
    ModelOnWindows,
    PopularList,
    ReasonCounts,
    Results,
    SlateOnHoldout,
    SlateResults,
    Slice,
)
from training.metrics.warm_start_results import WarmPath, WarmStart

MODELS = {
    model.name: model
    for model in (
        Model("ranker", "learned ranker", Family.RANKER),
        Model("ranker_without_items", "learned ranker without item features", Family.RANKER),
        Model("blend", "weighted blend", Family.BLEND),
        Model("rhythm", "rhythm", Family.PERSONAL),
        Model("tifu_knn", "TIFU-KNN", Family.COLLABORATIVE),
        Model("decayed_long", "personal frequency, half-life 3 horizons", Family.PERSONAL, True),
        Model("count", "personal frequency", Family.PERSONAL, True),
        Model("ease", "EASE", Family.COLLABORATIVE),
        Model("ials", "iALS", Family.COLLABORATIVE, True),
        Model("ials_recent", "iALS, recent purchases", Family.COLLABORATIVE),
        Model("co_purchase", "co-purchase", Family.COLLABORATIVE),
        Model("popular", "popularity, last horizon", Family.POPULARITY, True),
        Model("popular_season", "popularity, last three horizons", Family.POPULARITY, True),
        Model("item_neighbours", "item neighbours", Family.COLLABORATIVE, True),
    )
}

# NDCG@10 on three windows and the holdout, best first
QUALITY = {
    "for_you": {
        "ranker": (0.4150, 0.4140, 0.4283, 0.4380),
        "ranker_without_items": (0.4136, 0.4137, 0.4259, 0.4371),
        "blend": (0.4061, 0.4066, 0.4170, 0.4296),
        "rhythm": (0.4009, 0.4028, 0.4131, 0.4254),
        "tifu_knn": (0.3987, 0.3979, 0.4084, 0.4171),
        "decayed_long": (0.3944, 0.3952, 0.4093, 0.4206),
        "count": (0.3936, 0.3931, 0.4011, 0.4152),
        "ease": (0.3390, 0.3301, 0.3350, 0.3490),
        "ials": (0.2644, 0.2573, 0.2690, 0.2743),
        "ials_recent": (0.2214, 0.2143, 0.2250, 0.2314),
        "co_purchase": (0.1834, 0.1823, 0.1850, 0.1934),
        "popular": (0.1794, 0.1753, 0.1811, 0.1894),
        "popular_season": (0.1781, 0.1761, 0.1808, 0.1881),
        "item_neighbours": (0.1777, 0.1743, 0.1790, 0.1877),
    },
    "discover": {
        "ranker": (0.0813, 0.0765, 0.0651, 0.0561),
        "ials": (0.0758, 0.0679, 0.0593, 0.0534),
        "ease": (0.0744, 0.0680, 0.0574, 0.0545),
        "item_neighbours": (0.0661, 0.0590, 0.0520, 0.0487),
        "tifu_knn": (0.0630, 0.0562, 0.0499, 0.0459),
        "popular_season": (0.0581, 0.0520, 0.0455, 0.0419),
        "popular": (0.0560, 0.0501, 0.0430, 0.0398),
        "co_purchase": (0.0540, 0.0490, 0.0410, 0.0381),
    },
    "buy_again": {
        "rhythm": (0.5158, 0.5050, 0.5082, 0.5124),
        "ranker": (0.5150, 0.5042, 0.5103, 0.5129),
        "tifu_knn": (0.5121, 0.5005, 0.5048, 0.5028),
        "decayed_long": (0.5048, 0.4933, 0.5007, 0.5037),
        "count": (0.5069, 0.4936, 0.4936, 0.5005),
        "popular": (0.3111, 0.3052, 0.3120, 0.3168),
    },
}

WINNERS = {"for_you": "ranker", "discover": "ranker", "buy_again": "rhythm"}

DATA = DataSummary(
    customers=2449,
    items=43_117,
    orders=88_410,
    lines=841_302,
    first="2017-01-01T11:53:26.000000Z",
    last="2017-09-01T03:00:00.000000Z",
    repeat_share=0.4187,
    orders_per_customer=36.1,
    categories=302,
    horizon_days=30.0,
    seed=20_170_901,
)

WINDOWS = (
    LearningWindow("2017-08-02", "2017-09-01", judged=True, lines=720_110, customers=1961),
    LearningWindow("2017-07-03", "2017-08-02", judged=True, lines=611_402, customers=1949),
    LearningWindow("2017-06-03", "2017-07-03", judged=True, lines=502_977, customers=1933),
    LearningWindow("2017-05-04", "2017-06-03", judged=False, lines=396_310, customers=1920),
    LearningWindow("2017-04-04", "2017-05-04", judged=False, lines=290_553, customers=1897),
)

IMPORTANCES = (
    Importance("rhythm: score / the customer's best", "own purchases", 0.312),
    Importance("purchases, half-life 3 horizons", "own purchases", 0.141),
    Importance("days since last purchase / usual interval", "own rhythm", 0.133),
    Importance("mean rank of all models", "candidate ranks", 0.118),
    Importance("EASE: log rank", "candidate ranks", 0.091),
    Importance("share of active customers", "item", 0.083),
    Importance("category: repurchase rate", "category", 0.064),
    Importance("orders of the customer", "customer", 0.037),
    Importance("price against what the customer pays", "price", 0.021),
)


def estimate(mean: float, error: float) -> Estimate:
    return Estimate(mean, error, mean - 1.95 * error, mean + 1.97 * error)


def slate(name: str) -> SlateResults:
    """Make one slate on three windows. The winner of `buy_again` is a base model."""
    quality, winner = QUALITY[name], WINNERS[name]
    simple = next(
        each for each in quality if MODELS[each].family is Family.PERSONAL or each == "ials"
    )
    models = tuple(on_windows(each, quality[each][:3], quality[winner][:3]) for each in quality)
    gain = sum(quality["ranker"][:3]) / 3 - sum(quality[simple][:3]) / 3
    reason = (
        "beats the best simple model" if winner == "ranker" else "no learned model clearly wins"
    )
    choice = ModelChoice(winner, True, reason, simple, "ranker", Mean(gain, 0.0009, 5843))
    return SlateResults(choice, models, IMPORTANCES if winner == "ranker" else ())


def on_windows(name: str, own: tuple[float, ...], best: tuple[float, ...]) -> ModelOnWindows:
    means = tuple(Mean(each, 0.0068 * each**0.5, 1950) for each in own)
    behind = sum(own) / 3 - sum(best) / 3
    relative = sum(a / b for a, b in zip(own, best, strict=True)) / 3
    versus = None if own == best else Mean(behind, 0.0006 + abs(behind) / 70, 5843)
    return ModelOnWindows(MODELS[name], relative, means, versus)


def held_slate(name: str) -> SlateOnHoldout:
    quality, winner = QUALITY[name], WINNERS[name]
    shares = {"few orders (1 to 10)": 0.71, "some (11 to 40)": 0.95, "many (41 and more)": 1.18}
    items = {"head items (top 20 %)": 1.05, "tail items": 0.31}
    shown = (winner, "decayed_long" if "decayed_long" in quality else "ials", "popular")
    return SlateOnHoldout(
        customers=1985,
        relevant_per_customer=31.4,
        candidate_recall=0.583 if name != "discover" else 0.164,
        truth_popularity=0.931 if name != "discover" else 0.874,
        models=tuple(
            on_holdout(each, quality[each][3], quality[winner][3])
            for each in sorted(quality, key=lambda model: -quality[model][3])
        ),
        slices=tuple(
            Slice(
                of,
                part,
                412 + 300 * at,
                {
                    "winner" if each == winner else each: estimate(quality[each][3] * share, 0.011)
                    for each in shown
                },
            )
            for of, parts in (("customers by orders", shares), ("items by popularity", items))
            for at, (part, share) in enumerate(parts.items())
        ),
    )


def on_holdout(name: str, own: float, best: float) -> ModelOnHoldout:
    factors = {"ndcg": 1.0, "recall": 0.93, "hit_rate": 1.72 if best > 0.1 else 4.1, "mrr": 1.32}
    depth = {"5": 0.97, "10": 1.0, "20": 1.04}
    metrics = {
        metric: estimate(own * factors[metric.split("@")[0]] * depth[metric.split("@")[1]], 0.0068)
        for metric in METRICS
    }
    behind = own - best
    versus = None if own == best else estimate(behind, 0.0012 + abs(behind) / 50)
    popular = MODELS[name].family is Family.POPULARITY
    return ModelOnHoldout(
        MODELS[name],
        metrics,
        versus,
        coverage=0.0004 if popular else 0.05 + own / 2,
        novelty=1.9 if popular else 4.1 + own * 3,
        popularity_bias=0.998 if popular else 0.95 - own / 10,
        diversity=0.61 if popular else 0.78 + own / 9,
    )


def holdout(slates: Mapping[str, SlateOnHoldout] | None = None) -> HoldoutResults:
    return HoldoutResults(
        given=True,
        start="2017-09-01T00:00:00.000000Z",
        end="2017-10-01T00:00:00.000000Z",
        customers=1985,
        customers_unknown=21,
        lines=118_204,
        lines_unknown=2_911,
        slates={name: held_slate(name) for name in QUALITY} if slates is None else slates,
    )


def journey() -> Results:
    """Make results with every part."""
    return Results(
        judged=True,
        reason="compared on three past windows",
        data=DATA,
        windows=WINDOWS,
        slates={name: slate(name) for name in QUALITY},
        switched_off={"quantity": "weights by quantity and the netting of returns"},
        reasons={
            "for_you": ReasonCounts(
                {"buy_again_due": 18_412, "because_you_bought": 5_020, "trending": 611}, 5020, 5020
            ),
            "discover": ReasonCounts(
                {"because_you_bought": 20_311, "popular_in_category": 3_377}, 20_311, 20_311
            ),
        },
        warm_start=(
            WarmStart(
                "for_you",
                245,
                (
                    WarmPath(
                        1,
                        Mean(0.2110, 0.012, 245),
                        Mean(0.1810, 0.011, 245),
                        Mean(1.166, 0.04, 245),
                        Mean(0.492, 0.03, 245),
                    ),
                    WarmPath(3, Mean(0.2740, 0.013, 245), Mean(0.1810, 0.011, 245)),
                    WarmPath(None, Mean(0.3630, 0.014, 245), Mean(0.1810, 0.011, 245)),
                ),
                Mean(0.4290, 0.015, 245),
            ),
        ),
        popular=PopularList(
            "2017-08-02 to 2017-09-01",
            Mean(0.1794, 0.0061, 1961),
            Mean(0.1702, 0.0058, 1961),
            Mean(-0.0092, 0.0011, 1961),
        ),
        holdout=holdout(),
    )


def trained_only() -> Results:
    """Make results of `run`, without a holdout."""
    return replace(journey(), holdout=None)


def unjudged() -> Results:
    """Make results of a shop with too little history to compare models."""
    choice = ModelChoice("popular", judged=False, reason="fewer than 20 customers came back")
    return Results(
        judged=False,
        reason="fewer than 20 customers came back",
        data=replace(DATA, first=None, last=None, categories=0),
        windows=(),
        slates={name: SlateResults(choice) for name in QUALITY},
        switched_off={"timestamp": "decay by age, trending and a split by time"},
    )
