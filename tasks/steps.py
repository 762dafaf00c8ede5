"""Which task carries out which kind of step."""

from __future__ import annotations

from tasks.assets import (
    copy_code,
    copy_connection,
    copy_container,
    copy_data,
    copy_datastore,
    copy_environment,
    copy_model,
)
from tasks.conversion import (
    claim_workspace,
    create_compute,
    enable_network,
    finish_conversion,
    take_down_compute,
    take_down_endpoint,
)
from tasks.deployment import create_deployment
from tasks.endpoint import create_endpoint
from tasks.handoff import hand_off, undo_hand_off
from tasks.kept import forget_secrets, keep_secrets
from tasks.network import create_private_endpoint, provision_network
from tasks.retirement import (
    delete_compute,
    delete_endpoint,
    delete_group,
    delete_satellite,
    delete_workspace,
    require_disconnected,
    require_retirable,
    soak,
)
from tasks.satellites import assign_role, create_alert, create_autoscale_setting, create_diagnostic_setting
from tasks.scoring import compare_answers, probe_isolation, record_answers, smoke_test
from tasks.step import StepTask
from tasks.traffic import set_traffic
from tasks.undo import (
    remove_asset,
    remove_associated,
    remove_endpoint,
    remove_resource,
    remove_workspace,
    require_left,
    require_way_back,
)
from tasks.undo_conversion import undo_claim_workspace, undo_keep_secrets, undo_record_answers
from tasks.workspace import create_associated, create_workspace, set_storage_service
from tasks.yaml_files import apply_deployment, apply_endpoint, read_logs
from vnetferry.models.plan import StepKind

TASKS: dict[StepKind, StepTask] = {
    "create_associated": create_associated,
    "set_storage_service": set_storage_service,
    "create_workspace": create_workspace,
    "provision_network": provision_network,
    "create_private_endpoint": create_private_endpoint,
    "copy_datastore": copy_datastore,
    "copy_connection": copy_connection,
    "copy_code": copy_code,
    "copy_environment": copy_environment,
    "copy_model": copy_model,
    "copy_data": copy_data,
    "copy_container": copy_container,
    "create_endpoint": create_endpoint,
    "create_deployment": create_deployment,
    "smoke_test": smoke_test,
    "compare_answers": compare_answers,
    "probe_isolation": probe_isolation,
    "set_traffic": set_traffic,
    "hand_off": hand_off,
    "assign_role": assign_role,
    "create_diagnostic_setting": create_diagnostic_setting,
    "create_alert": create_alert,
    "create_autoscale_setting": create_autoscale_setting,
    "claim_workspace": claim_workspace,
    "keep_secrets": keep_secrets,
    "record_answers": record_answers,
    "take_down_endpoint": take_down_endpoint,
    "take_down_compute": take_down_compute,
    "enable_network": enable_network,
    "create_compute": create_compute,
    "forget_secrets": forget_secrets,
    "finish_conversion": finish_conversion,
    "apply_endpoint": apply_endpoint,
    "apply_deployment": apply_deployment,
    "read_logs": read_logs,
    "soak": soak,
    "require_retirable": require_retirable,
    "delete_endpoint": delete_endpoint,
    "delete_compute": delete_compute,
    "delete_satellite": delete_satellite,
    "require_disconnected": require_disconnected,
    "delete_workspace": delete_workspace,
    "delete_group": delete_group,
    "require_way_back": require_way_back,
    "undo_hand_off": undo_hand_off,
    "require_left": require_left,
    "remove_resource": remove_resource,
    "remove_associated": remove_associated,
    "remove_asset": remove_asset,
    "remove_endpoint": remove_endpoint,
    "remove_workspace": remove_workspace,
    "undo_claim_workspace": undo_claim_workspace,
    "undo_keep_secrets": undo_keep_secrets,
    "undo_record_answers": undo_record_answers,
}
