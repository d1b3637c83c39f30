"""Refuse a shop that does not exist, so that a mistyped name is no empty shop."""

from recsvc.config import models_root
from recsvc.domain.errors import MissingPrerequisite
from recsvc.domain.values.ids import ShopName
from recsvc.model.artifact.versions import Versions
from recsvc.stores.shop_data import has_data
from recsvc.wiring.stores import Stores

DEFAULT_SHOP = ShopName("default")


def check_shop_exists(stores: Stores, shop: ShopName) -> None:
    """Raise unless the shop has a key, data or a model. The default shop always exists.

    Only a shop without keys costs a scan of the store's key names.
    """
    if shop == DEFAULT_SHOP or stores.api_keys.list(shop):
        return
    if Versions(models_root(stores.settings), shop).all() or has_data(stores.connections, shop):
        return
    others = ", ".join(stores.api_keys.shops()) or "none"
    raise MissingPrerequisite(
        f"--shop {shop}: there is no such shop; shops with keys: {others}. A new one begins with: "
        f"recsvc keys create --scope all --shop {shop}"
    )
