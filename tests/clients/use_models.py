"""Run by the tests with the models of openapi-generator: a body holds what the caller set."""

import json
import sys

import recsvc_client as client

EXAMPLES = json.loads(sys.argv[1])

assert client.ItemPatch(price=1.19).to_dict() == {"price": 1.19}
assert client.ProfileBody(attributes={}).to_dict() == {"attributes": {}}
assert client.ProfileBody(minor=True).to_dict() == {"minor": True}
assert client.ClaimBody().to_dict() == {}
event = client.EventBody(message_id="1", type="view", item_id="milk")
assert event.to_dict() == {"message_id": "1", "type": "view", "item_id": "milk"}
for name, example in EXAMPLES.items():
    if example:  # an empty object has no model
        assert getattr(client, name).from_dict(example) is not None, name
