"""`recsvc`: the service's command line. Exit codes: 0 done, 2 it could not be done, 3 `audit
verify` has found something."""

from typing import Any

import typer
from typer.core import TyperGroup

from recsvc.cli import audit, check, consents, customers, events, items, keys, models, offers
from recsvc.cli.demo import demo
from recsvc.cli.output import complain, explain, say_events
from recsvc.cli.serve import serve
from recsvc.domain.errors import RecsvcError

EXIT_COULD_NOT = 2


class ServiceCommands(TyperGroup):
    """The commands; what we refuse to do is one clear line and no traceback."""

    def invoke(self, ctx: Any) -> Any:
        say_events()
        try:
            return super().invoke(ctx)
        except RecsvcError as error:
            complain(explain(error))
        except OSError as error:
            complain(str(error))
        raise typer.Exit(EXIT_COULD_NOT)


app = typer.Typer(
    cls=ServiceCommands,
    help="Recommendations with consent checked first.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
app.command()(demo)
app.command()(serve)
app.command()(check.check)
app.add_typer(keys.app, name="keys")
app.add_typer(customers.app, name="customers")
app.add_typer(consents.app, name="consents")
app.add_typer(items.app, name="items")
app.add_typer(offers.app, name="offers")
app.add_typer(events.app, name="events")
app.add_typer(audit.app, name="audit")
app.add_typer(models.app, name="models")

if __name__ == "__main__":
    app()
