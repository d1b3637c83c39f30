"""`recsvc keys`: create, list and revoke API keys; mint a customer token."""

from typing import Annotated, Any

import typer

from recsvc.cli.options import (
    DEFAULT_SHOP,
    AsJson,
    DataDir,
    Shop,
    id_of,
    known_shop,
    settings_of,
    shop_of,
)
from recsvc.cli.output import print_json, print_table, print_text, say
from recsvc.clock import utc_now
from recsvc.domain.api_keys import (
    ALL_SCOPES,
    KEY_ID_RULE,
    KEY_RULE,
    ApiKey,
    KeyKind,
    Scope,
    key_id_in,
    key_sha256,
    shop_of_key,
)
from recsvc.domain.errors import BadRequest, MissingPrerequisite
from recsvc.domain.values.ids import CustomerId, ShopName
from recsvc.domain.values.timestamps import rfc3339
from recsvc.usecases.access import customer_tokens
from recsvc.wiring.stores import Stores, open_stores

ALL = "all"

app = typer.Typer(help="API keys: create, list, revoke, token.", no_args_is_help=True)


@app.command()
def create(
    scope: Annotated[
        list[str] | None,
        typer.Option(help=f"Scope of a secret key; may be repeated. {ALL}, or {', '.join(Scope)}."),
    ] = None,
    publishable: Annotated[bool, typer.Option(help="Create a key for browsers.")] = False,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="Requests per minute of a secret key; no limit by default."),
    ] = None,
    shop: Shop = DEFAULT_SHOP,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Create a key. Its text is shown only once."""
    kind, scopes = _kind_and_scopes(scope or [], publishable)
    if publishable and limit is not None:
        raise BadRequest("--limit is for secret keys; RECSVC_LIMIT_PER_KEY limits publishable ones")
    with open_stores(settings_of(data_dir)) as stores:
        made = stores.api_keys.create(kind, shop_of(shop), scopes, limit)
    if as_json:
        secret = {"signing_secret": made.signing_secret} if made.signing_secret else {}
        print_json({"key": made.text, **secret, **_report(made.key)})
        return
    print_text(made.text)
    if made.signing_secret:
        say(f"Sign customer tokens with kid {made.key.key_id} and this secret:")
        print_text(made.signing_secret)
    say("Save it now: only its hash is stored.")


@app.command("list")
def list_keys(shop: Shop = DEFAULT_SHOP, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the shop's keys, including revoked ones."""
    with open_stores(settings_of(data_dir), durable=False) as stores:
        found = [_report(key) for key in stores.api_keys.list(known_shop(stores, shop))]
    if as_json:
        print_json(found)
        return
    columns = ["id", "kind", "scopes", "limit", "created_at", "revoked_at"]
    rows = [{**key, "scopes": " ".join(key["scopes"])} for key in found]
    print_table(columns, [[row[column] for column in columns] for row in rows])


@app.command()
def revoke(
    key: Annotated[
        str,
        typer.Argument(metavar="KEY", help="Id of a key, as in `keys list`, or its whole text."),
    ],
    shop: Shop = DEFAULT_SHOP,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Revoke a key for every request that starts after the command.

    The text of a key names its shop and takes precedence over --shop.
    """
    key_id = key_id_in(key.strip())
    if key_id is None:  # not repeated: mistyped text may be most of a secret
        raise BadRequest(
            f"KEY is neither the id of a key ({KEY_ID_RULE}) nor the text of one ({KEY_RULE})"
        )
    named = shop_of_key(key.strip()) or shop_of(shop)
    with open_stores(settings_of(data_dir)) as stores:
        revoked = stores.api_keys.revoke(named, key_id)
    if as_json:
        print_json(_report(revoked))
    else:
        say(f"{revoked.key_id} is revoked.")


@app.command()
def token(
    customer: Annotated[str, typer.Option(help="Customer of the token.")],
    key: Annotated[
        str | None, typer.Option(help="Publishable key; the newest of the shop by default.")
    ] = None,
    shop: Shop = DEFAULT_SHOP,
    data_dir: DataDir = None,
) -> None:
    """Print a customer token that is valid for 15 minutes; stderr names its key."""
    customer_id = CustomerId(id_of(customer, "--customer"))
    with open_stores(settings_of(data_dir), durable=False) as stores:
        signer = _named(stores, key) if key else _newest(stores, shop_of(shop))
        secret = stores.api_keys.signing_secret(signer)
    if secret is None:
        raise MissingPrerequisite(f"key {signer.key_id} has no signing secret")
    say(f"signed for key {signer.key_id}")
    print_text(customer_tokens.mint(customer_id, signer.key_id, secret, utc_now()))


def _kind_and_scopes(scope: list[str], publishable: bool) -> tuple[KeyKind, frozenset[Scope]]:
    if publishable == bool(scope):
        raise BadRequest("give either --publishable or at least one --scope")
    if publishable:
        return KeyKind.PUBLISHABLE, frozenset()
    if ALL in scope:
        return KeyKind.SECRET, ALL_SCOPES
    unknown = set(scope) - set(map(str, Scope))
    if unknown:
        raise BadRequest(
            f"no such scope: {', '.join(sorted(unknown))}; there are {ALL}, {', '.join(Scope)}"
        )
    return KeyKind.SECRET, frozenset(map(Scope, scope))


def _named(stores: Stores, text: str) -> ApiKey:
    shop = shop_of_key(text)
    if shop is None:
        raise BadRequest(f"--key is not the text of a key: {KEY_RULE}")
    keys = [key for key in stores.api_keys.list(shop) if key.sha256 == key_sha256(text)]
    if not keys or not keys[0].is_live:
        raise MissingPrerequisite(f"shop {shop} has no such live key")
    return keys[0]


def _newest(stores: Stores, shop: ShopName) -> ApiKey:
    keys = [key for key in stores.api_keys.list(shop) if key.is_live and not key.is_secret]
    if not keys:
        raise MissingPrerequisite(
            f"shop {shop} has no live publishable key; make one with: "
            f"recsvc keys create --publishable --shop {shop}"
        )
    return keys[-1]


def _report(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.key_id,
        "shop": key.shop,
        "kind": "secret" if key.is_secret else "publishable",
        "scopes": sorted(key.scopes),
        "limit": key.limit,
        "created_at": rfc3339(key.created_at_us),
        "revoked_at": None if key.revoked_at_us is None else rfc3339(key.revoked_at_us),
    }
