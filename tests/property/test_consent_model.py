"""A stateful model: in any order of events the service is personal exactly where an oracle is.

The oracle is independent of the stored formats. A feature that changes the use of a customer's data
adds rules beside those of `consent_rules`, `model_rules` and `offer_rules`. Each rule acts on the
service and on the oracle, and the invariant compares them.
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

# A failure is reported as found, since shrinking takes minutes; add Phase.shrink to shrink it.
RUNS = settings(
    max_examples=50,
    stateful_step_count=30,
    deadline=None,
    phases=[Phase.reuse, Phase.generate],
    report_multiple_bugs=False,
)


class ServiceModel(ModelRules, OfferRules):
    """All rules combined."""

    @initialize(
        agreeing=st.sampled_from([CUSTOMERS, CUSTOMERS, ["anna"], ["bert"]]),
        statements=st.lists(st.tuples(NAMES, PURPOSES, MOSTLY, VERSIONS), max_size=1),
        acting=st.lists(NAMES, max_size=3),
        returning=st.sampled_from([None, None, *CUSTOMERS]),
        trainings=st.lists(st.none() | NAMES, max_size=2),
        merging=st.none() | st.tuples(NAMES, st.booleans()),
        caps=st.tuples(LIMITS, LIMITS),
        claiming=st.lists(st.tuples(NAMES, OFFERS, st.integers(1, 2)), min_size=1, max_size=3),
        unwanted=st.sets(st.tuples(NAMES, OFFERS), max_size=1),
    )
    def starts_with_history(
        self,
        agreeing: Sequence[str],
        statements: list[tuple[str, set[Purpose], bool, str | None]],
        acting: list[str],
        returning: str | None,
        trainings: list[str | None],
        merging: tuple[str, bool] | None,
        caps: tuple[int | None, int | None],
        claiming: list[tuple[str, str, int]],
        unwanted: set[tuple[str, str]],
    ) -> None:
        """Start with data: random rules alone seldom produce customers with much of it."""
        for name in agreeing:
            self.grants_every_purpose(name)
        for name in acting:
            self.purchases_item(name)
        for offer_id in ("plain", "coded"):
            self.writes_an_offer(offer_id, *caps)
        for claim in claiming:
            self.claims(*claim)
        for name, offer_id in unwanted:
            self.dismisses(name, offer_id)
        for statement in statements:
            self.records_statement(*statement)
        if returning is not None:
            self.erases(returning)
            self.grants_every_purpose(returning)
        for withdrawing in trainings:
            self.trains(withdrawing)
        if merging is not None:
            self.merges_customers(*merging)

    @rule(name=NAMES)
    def exports(self, name: str) -> None:
        """Export a customer: all data of the customer and none of the other."""
        self.check_answers(name)
        self.service.decision_log.flush()
        record = self.service.consents.read(self.shop, self.keys[name])
        exported = self.service.privacy.export(self.shop, self.keys[name], record)
        lists = {kind: list(rows) for kind, rows in exported.lists.items()}
        expected, claims = self.expected[name], self.offer_oracle.of(name)

        assert {event["item_id"] for event in lists["events"]} == expected.logged | expected.recent
        assert exported.profile.flags == expected.flags
        assert {each["claim_id"]: each["code"] for each in lists["claims"]} == {
            each.claim_id: each.code for each in claims
        }
        decided = {each["decision_id"] for each in lists["decisions"]}
        assert decided <= expected.decided
        assert bool(decided) or not self.expects_permission(name, *BOTH, Purpose.ANALYTICS)
        assert {row.customer for row in exported.history} <= {self.keys[name].hex()}


def test_the_service_is_personal_exactly_where_the_oracle_is(
    connections: Connections, secret: Secret, data_dir: Path
) -> None:
    """The service agrees with the oracle over statements, flags, merges, erasures and time."""
    folder = data_dir / "trained"
    folder.mkdir()
    parts = {"connections": connections, "secret": secret, "folder": folder}
    machine = type("Model", (ServiceModel,), parts)
    run_state_machine_as_test(machine, settings=RUNS)
