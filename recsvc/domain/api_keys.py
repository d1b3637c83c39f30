"""API keys: their text, kinds and scopes. Pure.

The text of a key names its shop (`sk_<shop>_<random>`), so a request can read that shop's data
before the key is authenticated. The name proves nothing: a key is valid only if the SHA-256 of its
text is among the shop's keys.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass
from enum import StrEnum

from recsvc.domain.values.ids import SHOP_RULE, ShopName

KEY_RULE = f"'sk_' or 'pk_', a shop ({SHOP_RULE}), '_' and 43 random characters"
KEY_ID_RULE = "'sk-' or 'pk-' and up to 16 of 0-9 and a-f"

_KEY = re.compile(r"(sk|pk)_([a-z0-9][a-z0-9-]{0,31})_([A-Za-z0-9_-]{43})", re.ASCII)
_KEY_WITHIN = re.compile(r"((?:sk|pk)_[a-z0-9][a-z0-9-]{0,31}_)[A-Za-z0-9_-]{8,}", re.ASCII)
_KEY_ID = re.compile(r"(sk|pk)-[0-9a-f]{1,16}", re.ASCII)


class Scope(StrEnum):
    """A permission of secret keys. Every route declares one."""

    RECOMMEND = "recommend"
    OFFERS = "offers"
    CAMPAIGNS = "campaigns"
    EVENTS = "events"
    CATALOGUE = "catalogue"
    CONSENT = "consent"
    PRIVACY = "privacy"
    MODELS = "models"
    OPS = "ops"


ALL_SCOPES = frozenset(Scope)


class KeyKind(StrEnum):
    SECRET = "sk"  # noqa: S105 - the prefix of a key, not a password
    PUBLISHABLE = "pk"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is stored, without its text.

    `key_id` is public: the `kid` of customer tokens. `sealed_signing_secret` is encrypted with the
    deployment's secret; only publishable keys have one. `limit`: requests per minute of a secret
    key; None: no limit.
    """

    key_id: str
    shop: ShopName
    kind: KeyKind
    sha256: str
    scopes: frozenset[Scope]
    created_at_us: int
    revoked_at_us: int | None = None
    sealed_signing_secret: str | None = None
    limit: int | None = None

    @property
    def is_secret(self) -> bool:
        return self.kind is KeyKind.SECRET

    @property
    def is_live(self) -> bool:
        return self.revoked_at_us is None

    def allows(self, scope: Scope) -> bool:
        return self.is_live and self.is_secret and scope in self.scopes


def new_key_text(kind: KeyKind, shop: ShopName) -> str:
    return f"{kind}_{shop}_{secrets.token_urlsafe(32)}"


def shop_of_key(text: str) -> ShopName | None:
    """Return the shop in the text of a key; None if the text is not well formed."""
    match = _KEY.fullmatch(text)
    return ShopName(match[2]) if match else None


def key_id_in(text: str) -> str | None:
    """Return the id of the key that a text names by its id or its text; None: neither."""
    if _KEY_ID.fullmatch(text):
        return text
    match = _KEY.fullmatch(text)
    return key_id_of(KeyKind(match[1]), key_sha256(text)) if match else None


def masked(text: str) -> str:
    """Return a text in which every key, or part of one, is cut to its prefix."""
    return _KEY_WITHIN.sub(r"\1…", text)


def key_sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def key_id_of(kind: KeyKind, sha256: str) -> str:
    """Return the key's public id. The text of a publishable key is a valid `kid` too."""
    return f"{kind}-{sha256[:16]}"
