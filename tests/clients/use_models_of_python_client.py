"""Run by the tests with the models of openapi-python-client: a body holds what the caller set."""

import json
import sys

from python_client import models
from python_client.models import ClaimBody, EventBody, EventBodyType, ItemPatch, ProfileBody

EXAMPLES = json.loads(sys.argv[1])

assert ItemPatch(price=1.19).to_dict() == {"price": 1.19}
assert ProfileBody(minor=True).to_dict() == {"minor": True}
assert ClaimBody().to_dict() == {}
event = EventBody(message_id="1", type_=EventBodyType.VIEW, item_id="milk")
assert event.to_dict() == {"message_id": "1", "type": "view", "item_id": "milk"}
for name, example in EXAMPLES.items():
    found = getattr(models, name).from_dict(example)
    assert found.to_dict().keys() == example.keys(), name
