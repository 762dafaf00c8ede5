"""An inventory reads what a migration needs, however much a workspace has gathered."""

from __future__ import annotations

from pathlib import Path

from tests.flows.legacy_world import SOURCE, legacy_scenario, legacy_world
from vnetferry.gateway.azure import connect
from vnetferry.gateway.inventory import read_inventory
from vnetferry.models.inventory import CODE


def test_read_inventory_reads_only_the_code_that_deployments_run(tmp_path: Path) -> None:
    example = legacy_scenario()
    left_by_jobs = [
        {**document, "id": str(document["id"]).replace("/codes/", f"/codes/job-{number}-")}
        for number in range(5)
        for document in example.resources
        if "/codes/" in document["id"] and "/versions/" in document["id"]
    ]
    scenario = example.model_copy(update={"resources": (*example.resources, *left_by_jobs)})
    with legacy_world(tmp_path, scenario):
        read = {document.id for document in read_inventory(connect(), SOURCE).of_type(CODE)}
    assert len(left_by_jobs) > 5
    assert len(read) == 3
    assert not any("/job-" in code.key for code in read)
