"""The commands to copy that the demo prints, once the service is ready."""

from collections import Counter
from dataclasses import dataclass

from recsvc.domain.catalogue.item import CatalogueItem
from recsvc.domain.offers.verdicts import Verdict
from recsvc.usecases.offers.answers import OffersAnswer


@dataclass(frozen=True, slots=True)
class Tour:
    """The keys, customers, item and decision in the printed commands."""

    key: str
    browser_key: str
    consenting: str
    refusing: str
    item: CatalogueItem
    decision: OffersAnswer


def commands(tour: Tour, port: int) -> str:
    """Return one curl command for each kind of answer."""
    paths = {
        f"Household {tour.consenting}, with consent:": f"customers/{tour.consenting}/",
        f"Household {tour.refusing}, without consent:": f"customers/{tour.refusing}/",
        "Without a customer:": "",
        f"Items similar to {tour.item.title or tour.item.item_id}:": f"items/{tour.item.item_id}/",
    }
    lines = ["", f"SK={tour.key}", f"PK={tour.browser_key}  # for browsers"]
    for title, path in paths.items():
        url = f"http://127.0.0.1:{port}/v1/{path}recommendations?n=3"
        lines += ["", f"# {title}", f'curl -H "Authorization: Bearer $SK" "{url}"']
    return "\n".join([*lines, *_offers(tour, port), ""])


def _offers(tour: Tour, port: int) -> list[str]:
    """Return an offer decision with its explanation, and the commands to repeat and to claim it."""
    considered = tour.decision.considered or []
    steps = Counter(each.step for each in considered if each.verdict != Verdict.OFFERED)
    why = ", ".join(f"{step} {count:,}" for step, count in steps.most_common())
    url = f"http://127.0.0.1:{port}/v1/customers/{tour.consenting}/offers"
    lines = ["", f"# Offered to household {tour.consenting} out of {len(considered):,}:"]
    lines += [f"#   {each.title} ({each.reason.text})" for each in tour.decision.offers]
    lines += [f"# Not offered, by the step that decided it: {why}", "# The same with all figures:"]
    lines += [f'curl -H "Authorization: Bearer $SK" "{url}?n=3&explain=true"']
    if tour.decision.offers:
        first = tour.decision.offers[0].offer_id
        head = "-H 'Content-Type: application/json' -H 'Idempotency-Key: demo-1'"
        lines += ["", "# Claim the first of them:"]
        lines += [
            f"""curl -H "Authorization: Bearer $SK" {head} -d '{{}}' "{url}/{first}/claim\""""
        ]
    return lines
