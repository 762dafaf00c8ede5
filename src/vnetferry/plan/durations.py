"""How long Azure takes, in seconds of Azure time, for planning alone: deadlines are the gateway's business.

Source: measurements and documents gathered in FACTS 6: a workspace takes under a minute, its network about 30
        minutes and the firewall 10 more, an endpoint 90 s, a deployment 7 to 9 minutes and up to 20 when its
        image is built.
"""

from __future__ import annotations

from vnetferry.models.plan import StepKind

NETWORK_S = 1800
FIREWALL_S = 600
DEPLOYMENT_S = 480
IMAGE_BUILD_S = 720

_EXPECTED_S: dict[StepKind, int] = {
    "create_associated": 30,
    "set_storage_service": 5,
    "create_workspace": 60,
    "provision_network": NETWORK_S,
    "create_private_endpoint": 60,
    "copy_datastore": 5,
    "copy_connection": 5,
    "copy_code": 10,
    "copy_environment": 10,
    "copy_model": 30,
    "copy_data": 5,
    "copy_container": 5,
    "create_endpoint": 90,
    "create_deployment": DEPLOYMENT_S,
    "smoke_test": 5,
    "compare_answers": 5,
    "probe_isolation": 5,
    "set_traffic": 20,
    "hand_off": 1,
    "assign_role": 5,
    "create_diagnostic_setting": 5,
    "create_alert": 5,
    "create_autoscale_setting": 5,
    "claim_workspace": 30,
    "keep_secrets": 5,
    "record_answers": 5,
    "take_down_endpoint": 120,
    "take_down_compute": 180,
    "enable_network": 60,
    "create_compute": 240,
    "forget_secrets": 5,
    "finish_conversion": 30,
}


def expected_s(kind: StepKind) -> int:
    """How long a step of this kind is expected to take, in seconds."""
    return _EXPECTED_S.get(kind, 60)
