"""Put what Prefect runs, and the example, inside the package: site-packages gains `vnetferry` alone.

Only a real wheel needs the copies; an editable installation finds the originals in the checkout.
"""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CARRIED = {
    "flows": "vnetferry/_project/flows",
    "tasks": "vnetferry/_project/tasks",
    "deployments": "vnetferry/_project/deployments",
    "prefect.yaml": "vnetferry/_project/prefect.yaml",
    "examples/legacy-workspace": "vnetferry/_project/examples/legacy-workspace",
}


class CarryProject(BuildHookInterface[Any]):
    """Hatchling's hook for wheels."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the carried folders; `version` is "standard" or "editable"."""
        if version == "standard":
            build_data["force_include"].update(CARRIED)
