"""What a shop tells of its customers: one JSON per customer, and the flags beside the consents.

Every change is one script: a flag and what was told with it are in force together.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import msgspec
import structlog
from redis.typing import EncodableT as Encoded

from recsvc.domain.consent import Flag
from recsvc.domain.errors import StoreUnavailable
from recsvc.domain.identity import CustomerKey
from recsvc.domain.ids import ShopName
from recsvc.domain.profile import NO_PROFILE, Change, Profile, Told
from recsvc.stores import redis_keys
from recsvc.stores.connection import Connections, store_faults
from recsvc.stores.consent_fields import SET, flag_field

_ROWS_PER_WRITE = 200
_PATCH_ATTEMPTS = 20

_WHATEVER = "*"
_ABSENT = b""
_LEFT = "-"

# KEYS: profile and record of each customer. ARGV: what the first profile must be now, then of each
# customer the new profile (empty: none) and of each flag its field and value (empty: not set; `-`:
# as it was). Returns whether it was done.
_WRITE = r"""
if ARGV[1] ~= '*' and (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
local words = (#ARGV - 1) / (#KEYS / 2)
for row = 0, #KEYS / 2 - 1 do
  local profile, record, base = KEYS[2 * row + 1], KEYS[2 * row + 2], 1 + row * words
  if ARGV[base + 1] == '' then
    redis.call('DEL', profile)
  else
    redis.call('SET', profile, ARGV[base + 1])
  end
  for i = base + 2, base + words, 2 do
    if ARGV[i + 1] == '' then
      redis.call('HDEL', record, ARGV[i])
    elseif ARGV[i + 1] ~= '-' then
      redis.call('HSET', record, ARGV[i], ARGV[i + 1])
    end
  end
end
return 1
"""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class NewProfile:
    """What takes the place of a customer's profile. Flags that are not named stay."""

    customer: CustomerKey
    profile: Profile
    flags: Mapping[Flag, bool]


class ProfileStore:
    def __init__(self, connections: Connections) -> None:
        self._redis = connections.writes
        self._write = connections.writes.register_script(_WRITE)

    def put_many(self, shop: ShopName, profiles: Iterable[NewProfile]) -> None:
        """Put each in place of what was told before, in their order."""
        remaining = iter(profiles)
        while chunk := tuple(islice(remaining, _ROWS_PER_WRITE)):
            words: list[Encoded] = [_WHATEVER]
            for new in chunk:
                words += _words(new.profile, new.flags)
            self._apply(shop, [new.customer for new in chunk], words)

    def change(self, shop: ShopName, key: CustomerKey, change: Change) -> Told:
        """Change what is named and nothing else, whoever else changes it."""
        for _ in range(_PATCH_ATTEMPTS):
            record, flags = self._read(shop, key)
            changed = change.on(_decode(shop, record))
            if self._apply(shop, [key], [record, *_words(changed, change.flags)]):
                set_now = flags - change.flags.keys()
                set_now |= {flag for flag, is_set in change.flags.items() if is_set}
                return Told(changed, set_now)
        raise StoreUnavailable("the profile is being changed by others all the time; try again")

    def get(self, shop: ShopName, key: CustomerKey) -> Told:
        record, flags = self._read(shop, key)
        return Told(_decode(shop, record), flags)

    def _read(self, shop: ShopName, key: CustomerKey) -> tuple[bytes, frozenset[Flag]]:
        with store_faults():
            pipeline = self._redis.pipeline(transaction=True)
            pipeline.get(redis_keys.profile(shop, key))
            pipeline.hmget(redis_keys.customer(shop, key), list(map(flag_field, Flag)))
            record, values = pipeline.execute()
        told = zip(Flag, values, strict=True)
        return record or _ABSENT, frozenset(flag for flag, value in told if value is not None)

    def _apply(
        self, shop: ShopName, customers: Sequence[CustomerKey], words: list[Encoded]
    ) -> bool:
        keys = [
            name
            for key in customers
            for name in (redis_keys.profile(shop, key), redis_keys.customer(shop, key))
        ]
        with store_faults():
            return bool(self._write(keys=keys, args=words))


def _words(profile: Profile, flags: Mapping[Flag, bool]) -> list[Encoded]:
    """Return what the script is told of one customer. A flag that is not named stays."""
    words: list[Encoded] = [b"" if profile == NO_PROFILE else msgspec.json.encode(profile)]
    for flag in Flag:
        value = (SET if flags[flag] else "") if flag in flags else _LEFT
        words += (flag_field(flag), value)
    return words


def _decode(shop: ShopName, record: bytes) -> Profile:
    """Read a record; what cannot be read is logged, and nothing is known."""
    if not record:
        return NO_PROFILE
    try:
        return msgspec.json.decode(record, type=Profile)
    except msgspec.DecodeError:
        _log.warning("profile_unreadable", shop=shop)
        return NO_PROFILE
