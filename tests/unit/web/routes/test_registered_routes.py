"""The application serves the routes of every module in `recsvc.web.routes`."""

from importlib import import_module
from pkgutil import iter_modules

import pytest

from recsvc.web import routes
from recsvc.web.app import ROUTES

MODULES = [module.name for module in iter_modules(routes.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_the_routes_of_every_module_are_served(name: str) -> None:
    """A module's `ROUTES` are all in the application; otherwise their paths answer 404."""
    declared = getattr(import_module(f"{routes.__name__}.{name}"), "ROUTES", ())

    assert [route.name for route in declared if route not in ROUTES] == []


def test_the_application_serves_no_other_routes() -> None:
    """Each route of the application is in the `ROUTES` of one module, so the test above sees it."""
    declared = [
        route
        for name in MODULES
        for route in getattr(import_module(f"{routes.__name__}.{name}"), "ROUTES", ())
    ]

    assert len(declared) == len(ROUTES) > 0
