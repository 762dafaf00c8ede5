"""Which task carries out which kind of step."""

from __future__ import annotations

from tasks.assets import copy_code, copy_connection, copy_datastore, copy_environment, copy_model
from tasks.deployment import create_deployment
from tasks.endpoint import create_endpoint
from tasks.handoff import hand_off
from tasks.network import create_private_endpoint, provision_network
from tasks.retirement import delete_compute, delete_endpoint, delete_workspace, require_retirable, soak
from tasks.scoring import compare_answers, probe_isolation, smoke_test
from tasks.step import StepTask
from tasks.traffic import set_traffic
from tasks.workspace import create_workspace
from tasks.yaml_files import apply_deployment, apply_endpoint, read_logs
from vnetferry.models.plan import StepKind

TASKS: dict[StepKind, StepTask] = {
    "create_workspace": create_workspace,
    "provision_network": provision_network,
    "create_private_endpoint": create_private_endpoint,
    "copy_datastore": copy_datastore,
    "copy_connection": copy_connection,
    "copy_code": copy_code,
    "copy_environment": copy_environment,
    "copy_model": copy_model,
    "create_endpoint": create_endpoint,
    "create_deployment": create_deployment,
    "smoke_test": smoke_test,
    "compare_answers": compare_answers,
    "probe_isolation": probe_isolation,
    "set_traffic": set_traffic,
    "hand_off": hand_off,
    "apply_endpoint": apply_endpoint,
    "apply_deployment": apply_deployment,
    "read_logs": read_logs,
    "soak": soak,
    "require_retirable": require_retirable,
    "delete_endpoint": delete_endpoint,
    "delete_compute": delete_compute,
    "delete_workspace": delete_workspace,
}
