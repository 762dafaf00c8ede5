"""What a plan says of a property is what becomes of it."""

from vnetferry.models.inventory import WORKSPACE
from vnetferry.plan.fields import rule_of, writable


def test_rule_of_the_key_s_identity_is_an_announced_drop() -> None:
    body = {"properties": {"encryption": {"status": "Enabled", "identity": {"userAssignedIdentity": "u"}}}}
    assert rule_of(WORKSPACE, ("properties", "encryption", "identity", "userAssignedIdentity")).what == "drop"
    assert writable(WORKSPACE, body) == {"properties": {"encryption": {"status": "Enabled"}}}
