"""Jobs, schedules and batch endpoints of a scenario, as their lists show them."""

from __future__ import annotations

from tests.sandbox.ml.workspace_world import WORKSPACE, Arm, Start, associated, workspace_body


def _document(path: str, **properties: object) -> dict[str, object]:
    return {"id": f"{WORKSPACE}/{path}", "properties": properties}


def _started(start: Start) -> Arm:
    workspace = {**workspace_body(), "id": WORKSPACE, "name": WORKSPACE.rpartition("/")[2]}
    start(
        [
            *associated(),
            workspace,
            *(_document(f"jobs/j{n:03}", jobType="Command", status="Completed") for n in range(130)),
            _document("jobs/old", jobType="Sweep", isArchived=True),
            _document("schedules/on", isEnabled=True),
            _document("schedules/off", isEnabled=False),
            _document("batchEndpoints/nightly", authMode="AADToken"),
            _document("batchEndpoints/nightly/deployments/main"),
        ]
    )
    return Arm()


def test_lists_page_and_show_what_the_view_asks_for(start: Start) -> None:
    arm = _started(start)
    first = arm.get(f"{WORKSPACE}/jobs")
    assert len(first["value"]) == 100
    assert len(arm.read(first["nextLink"]).json()["value"]) == 30
    everything = arm.get(f"{WORKSPACE}/jobs", listViewType="All", jobType="sweep")
    assert [job["name"] for job in everything["value"]] == ["old"]
    assert [s["name"] for s in arm.get(f"{WORKSPACE}/schedules")["value"]] == ["on"]
    assert len(arm.get(f"{WORKSPACE}/schedules", listViewType="All")["value"]) == 2
    deployments = f"{WORKSPACE}/batchEndpoints/nightly/deployments"
    assert [d["name"] for d in arm.get(deployments)["value"]] == ["main"]
    assert arm.get(f"{deployments}/main")["name"] == "main"


def test_what_is_not_there_is_not_found(start: Start) -> None:
    arm = _started(start)
    for path in ("jobs/nobody", "schedules/nobody", "batchEndpoints/nobody/deployments"):
        assert arm.refused("GET", f"{WORKSPACE}/{path}")[0] == 404
    assert arm.refused("GET", f"{WORKSPACE}/schedules", listViewType="Some")[0] == 400
