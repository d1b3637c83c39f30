"""Models are swapped during catalogue writes and list requests."""

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count

from tests.contract.grocery import ITEMS, Service, item_ids, publish_grocery

LISTS = ("/v1/recommendations?n=100", "/v1/recommendations?n=100&slate=trending")
ASKING = 3
ROUNDS = 25


class Swapping:
    """Publishes and loads models, each with an item of its own, until it is stopped."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._stop = threading.Event()
        self.own_item = {service.registry.status(service.shop).version: ITEMS[0]}

    def run(self) -> None:
        for number in count():
            if self._stop.is_set():
                return
            own_item = f"a-novelty-{number}"
            version = publish_grocery(self._service.stores, self._service.shop, own_item)
            self.own_item[version] = own_item
            self._service.registry.refresh()

    def stop(self) -> None:
        self._stop.set()


def answers(service: Service) -> list[tuple[str, set[str]]]:
    """Request each list; return its model version and its items."""
    replies = [service.get(path) for path in LISTS]
    assert [reply.status_code for reply in replies] == [200] * len(LISTS)
    return [(reply.json["model_version"], set(item_ids(reply))) for reply in replies if reply.json]


def test_answers_are_of_one_model_and_hidden_items_stay_out(service: Service) -> None:
    """Every answer contains items of its model version only, no item after its hiding was
    acknowledged, and every item after it was shown again."""
    for number in range(500):  # so that joining takes a while
        service.item(f"more-{number}", hidden=True)
    swapping, stop = Swapping(service), threading.Event()
    found: list[tuple[str, set[str]]] = []
    wrong: list[str] = []

    def keep_asking() -> None:
        while not stop.is_set():
            found.extend(answers(service))

    def keep_hiding(item: str) -> None:
        for _ in range(ROUNDS):
            service.item(item, hidden=True)
            wrong.extend(f"{item} is there" for _, items in answers(service) if item in items)
            service.item(item)
            wrong.extend(f"{item} is away" for _, items in answers(service) if item not in items)

    with ThreadPoolExecutor(ASKING + 3) as pool:
        running = [pool.submit(swapping.run), *(pool.submit(keep_asking) for _ in range(ASKING))]
        for hiding in [pool.submit(keep_hiding, item) for item in ITEMS[4:6]]:
            hiding.result()
        stop.set()
        swapping.stop()
        for each in running:
            each.result()

    assert wrong == []
    assert len(swapping.own_item) > 3
    assert len({version for version, _ in found}) > 3
    for version, items in found:
        assert {item for item in items if item.startswith("a-")} | (items & {ITEMS[0]}) == {
            swapping.own_item[version]
        }
        assert items >= {*ITEMS[1:4], *ITEMS[6:]}
