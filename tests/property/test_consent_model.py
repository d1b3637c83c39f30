"""Whatever happens in whatever order, the service is personal exactly where a small oracle is.

The oracle knows what was said, bought and claimed, and nothing of how it is kept. A capability that
changes what may be done with a customer adds its rules beside those of `consent_rules`,
`model_rules` and `offer_rules`: a rule does it to the service and to the oracle alike, and the
invariant, and whatever asks, compares.
"""

from collections.abc import Sequence
from pathlib import Path

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from recsvc.domain.consent.consent import Purpose
from recsvc.domain.values.customer_keys import Secret
from recsvc.stores.client.connection import Connections
from tests.property.consent_rules import CUSTOMERS, MOSTLY, NAMES, PURPOSES, VERSIONS
from tests.property.model_rules import ModelRules
from tests.property.offer_rules import BOTH, LIMITS, OFFERS, OfferRules

# What fails is told as it was found: to shorten it takes minutes. Name all phases to have that.
RUNS = settings(
    max_examples=70,
    stateful_step_count=30,
    deadline=None,
    phases=[Phase.reuse, Phase.generate],
    report_multiple_bugs=False,
)


class ServiceModel(ModelRules, OfferRules):
    """All rules together."""

    @initialize(
        agreeing=st.sampled_from([CUSTOMERS, CUSTOMERS, ["anna"], ["bert"]]),
        words=st.lists(st.tuples(NAMES, PURPOSES, MOSTLY, VERSIONS), max_size=1),
        acting=st.lists(NAMES, max_size=3),
        returning=st.sampled_from([None, None, *CUSTOMERS]),
        trainings=st.lists(st.none() | NAMES, max_size=2),
        merging=st.none() | st.tuples(NAMES, st.booleans()),
        caps=st.tuples(LIMITS, LIMITS),
        claiming=st.lists(st.tuples(NAMES, OFFERS, st.integers(1, 2)), min_size=1, max_size=3),
        unwanted=st.sets(st.tuples(NAMES, OFFERS), max_size=1),
    )
    def began(
        self,
        agreeing: Sequence[str],
        words: list[tuple[str, set[Purpose], bool, str | None]],
        acting: list[str],
        returning: str | None,
        trainings: list[str | None],
        merging: tuple[str, bool] | None,
        caps: tuple[int | None, int | None],
        claiming: list[tuple[str, str, int]],
        unwanted: set[tuple[str, str]],
    ) -> None:
        """Much has happened before: rules alone seldom meet customers of whom much is known."""
        for name in agreeing:
            self.agrees(name)
        for name in acting:
            self.does_something(name)
        for offer_id in ("plain", "coded"):
            self.puts_an_offer(offer_id, *caps)
        for claim in claiming:
            self.claims(*claim)
        for name, offer_id in unwanted:
            self.wants_no_more(name, offer_id)
        for word in words:
            self.says(*word)
        if returning is not None:
            self.is_erased(returning)
            self.agrees(returning)
        for withdrawing in trainings:
            self.trains(withdrawing)
        if merging is not None:
            self.is_merged_into_the_other(*merging)

    @rule(name=NAMES)
    def takes_a_copy(self, name: str) -> None:
        """It holds all that is the customer's, and nothing that is the other's."""
        self.is_answered(name)
        self.service.decision_log.flush()
        record = self.service.consents.read(self.shop, self.keys[name])
        held = self.service.privacy.export(self.shop, self.keys[name], record)
        lists = {kind: list(rows) for kind, rows in held.lists.items()}
        expected, claims = self.expected[name], self.known.of(name)

        assert {event["item_id"] for event in lists["events"]} == expected.logged | expected.recent
        assert held.profile.flags == expected.flags
        assert {each["claim_id"]: each["code"] for each in lists["claims"]} == {
            each.claim_id: each.code for each in claims
        }
        decided = {each["decision_id"] for each in lists["decisions"]}
        assert decided <= expected.decided
        assert bool(decided) or not self.ought_to_permit(name, *BOTH, Purpose.ANALYTICS)
        assert {row.customer for row in held.history} <= {self.keys[name].hex()}


def test_the_service_is_personal_where_the_oracle_is(
    connections: Connections, secret: Secret, data_dir: Path
) -> None:
    """Words, imports, policies, flags, time, purchases, models, offers, copies and erasures."""
    folder = data_dir / "trained"
    folder.mkdir()
    parts = {"connections": connections, "secret": secret, "folder": folder}
    machine = type("Model", (ServiceModel,), parts)
    run_state_machine_as_test(machine, settings=RUNS)
