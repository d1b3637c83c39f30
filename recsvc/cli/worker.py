"""The start of one worker process of `recsvc serve`.

The parent process has joined the embedded server and passes its URL. A worker that joined too would
keep the server running after the service has stopped.
"""

import atexit
import gc
import os
import resource
import threading
import time
from collections.abc import Sequence

from flask import Flask

from recsvc.cli.workers_folder import latest_time_file
from recsvc.config import Settings
from recsvc.domain.values.ids import ShopName
from recsvc.web.app import create_app
from recsvc.web.http.logs import configure_logs
from recsvc.wiring.services import open_registry, services_of
from recsvc.wiring.stores import stores_at

ORPHAN_CHECK_SECONDS = 1.0
EXIT_ORPHANED = 1


def load_application(
    settings: Settings, url: str, shops: Sequence[ShopName], parent: int, workers: int
) -> Flask:
    """Return the application of this process, one of `workers`. It exits with `parent`."""
    configure_logs(settings.log_level)
    allow_open_files()
    watch_parent(parent)
    stores = stores_at(settings, url, latest_time_file())
    registry = open_registry(settings, stores.secret)
    registry.watch()
    services = services_of(stores, registry, shops, workers)
    services.trending_cache.watch()
    services.decisions.start()
    atexit.register(services.decisions.stop)  # a stopped worker runs its exit handlers
    app = create_app(services)
    # Objects that live as long as the worker are excluded from garbage collection.
    gc.collect()
    gc.freeze()
    return app


def allow_open_files() -> None:
    """Raise the limit of open files to its maximum: connections and mapped arrays need many."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def watch_parent(parent: int) -> None:
    thread = threading.Thread(target=_leave_with, args=(parent,), name="watch-parent", daemon=True)
    thread.start()


def _leave_with(parent: int) -> None:
    """Exit when the parent has gone: no other process would stop or replace this one."""
    while os.getppid() == parent:
        time.sleep(ORPHAN_CHECK_SECONDS)
    os._exit(EXIT_ORPHANED)
