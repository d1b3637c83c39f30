"""A history of seven customers."""

import os

from recsvc.domain.consent.consent import Purpose
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import ShopName
from recsvc.stores.consents.consents import ConsentStore

YES, NO = {Purpose.EMAIL: True}, {Purpose.EMAIL: False}


def new_customer() -> CustomerKey:
    return CustomerKey(os.urandom(16))


def seven_rows(store: ConsentStore, shop: ShopName) -> list[CustomerKey]:
    customers = [new_customer() for _ in range(7)]
    for customer in customers:
        store.write(shop, customer, YES)
    return customers
