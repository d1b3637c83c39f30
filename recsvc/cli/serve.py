"""`recsvc serve`: start the store and the workers, and stop them in order."""

import contextlib
import dataclasses
import multiprocessing
import os
import signal
import socket
from collections.abc import Iterator, Sequence
from functools import partial
from types import FrameType
from typing import Annotated, Any

import typer
from granian import Granian
from granian.constants import HTTPModes, Interfaces

from recsvc.cli.options import DataDir, settings_of
from recsvc.cli.output import say
from recsvc.cli.when_ready import when_ready
from recsvc.cli.worker import load_application
from recsvc.cli.workers_folder import workers_folder
from recsvc.config import Settings
from recsvc.config_parsers import MAX_PORT
from recsvc.domain.errors import MissingPrerequisite, RecsvcError
from recsvc.domain.values.ids import ShopName
from recsvc.signal_file import open_signals
from recsvc.web.http.logs import configure_logs
from recsvc.wiring.stores import Stores, running_store, stores_at

STOP_SECONDS = 10
CONNECTIONS = 1024  # per worker; idle ones count too
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
MAX_WORKERS = 64


class PortTaken(RecsvcError):
    code = "port_taken"
    title = "Port taken"


class ExpectedWarnings:
    """Log filter that drops granian's warning about the number of threads, which is intended, and
    its "Listening at", which it logs before any worker accepts a connection.
    """

    def filter(self, record: Any) -> bool:
        message = record.getMessage()
        return "Python threads" not in message and not message.startswith("Listening at")


# Granian logs through the service's handlers, in the same format.
GRANIAN_LOGS: dict[str, Any] = {
    "filters": {"expected": {"()": ExpectedWarnings}},
    "handlers": {},
    "loggers": {"_granian": {"handlers": [], "filters": ["expected"], "propagate": True}},
}


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=MAX_PORT)] = 8000,
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=MAX_WORKERS, help="Processes; one per CPU by default."),
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Start also with a Redis that may lose writes.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Serve recommendations and offers until SIGTERM or Ctrl-C."""
    settings = settings_of(data_dir)
    if insecure:
        settings = dataclasses.replace(settings, insecure=True)
    run(settings, host, port, workers or cpus())


def cpus() -> int:
    """Return the default number of workers."""
    return os.cpu_count() or 1


def run(settings: Settings, host: str, port: int, workers: int) -> None:
    """Serve in the foreground; return after a clean stop."""
    configure_logs(settings.log_level)
    open_signals(settings)  # report an invalid file before anything starts
    with _stoppable(), running_store(settings, supervised=True) as url:
        stores = stores_at(settings, url)
        shops = _ready_shops(stores)
        _check_port(host, port)
        with workers_folder(), stores.durability_watched():
            _serve(settings, url, shops, host, port, workers)


def _ready_shops(stores: Stores) -> Sequence[ShopName]:
    """Return the shops that have keys; raise without keys, or if the store may lose writes."""
    stores.check_durability()
    shops = stores.api_keys.shops()
    if not shops:
        raise MissingPrerequisite(
            "there is no API key yet, and every request needs one; create one with: "
            f"recsvc keys create --scope all --data-dir {stores.settings.data_dir}"
        )
    return shops


def _check_port(host: str, port: int) -> None:
    """Raise if the port is in use. Workers share their port, so they would not notice."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()
    except OSError as error:
        raise PortTaken(
            f"cannot listen at {host}:{port}: {error.strerror}; choose another --port"
        ) from error


def _serve(
    settings: Settings, url: str, shops: Sequence[ShopName], host: str, port: int, workers: int
) -> None:
    multiprocessing.set_start_method("spawn", force=True)
    server = Granian(
        "recsvc",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        workers=workers,
        blocking_threads=settings.threads,
        backpressure=CONNECTIONS,
        backlog=CONNECTIONS,
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_SECONDS,
        log_dictconfig=GRANIAN_LOGS,
    )
    shown = f"[{host}]" if ":" in host else host
    text = f"Serving {', '.join(shops)} at http://{shown}:{port} with {workers} workers."
    when_ready(host, port, "/livez", lambda: say(text))
    loader = partial(load_application, settings, url, tuple(shops), os.getpid(), workers)
    try:
        server.serve(target_loader=loader, wrap_loader=False)
    except SystemExit:
        # Ctrl-C reaches the workers too; one that exits before granian stops it has not failed.
        if not server.interrupt_signal:
            raise


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """Stop in order on SIGTERM and Ctrl-C, also while the store is starting."""
    before = {number: signal.signal(number, _stop) for number in STOP_SIGNALS}
    try:
        with contextlib.suppress(_Stopped):
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Stopped(BaseException):
    """A stop signal has arrived."""


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise _Stopped
