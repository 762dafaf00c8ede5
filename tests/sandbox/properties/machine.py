"""What every machine holds: a still sandbox, a client that judges each answer, and the operations it began."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.sandbox.properties.still_sandbox import Answer, StillSandbox
from vnetferry.sandbox.scenario import Scenario
from vnetferry.sandbox.wire import Principal

VERSION = "2024-10-01"
TERMINAL = frozenset({"Succeeded", "Failed", "Canceled"})
# Longer than any sequence of operations that a machine can begin.
LONG_S = 200_000.0
_MANY_REQUESTS = {"armReads": 10**7, "armWrites": 10**7, "armDeletes": 10**7}


def property_settings(max_examples: int, steps: int = 25) -> settings:
    """The same sequences each time; VNETFERRY_EXAMPLES asks for that many others, drawn anew."""
    asked = os.environ.get("VNETFERRY_EXAMPLES")
    return settings(
        max_examples=int(asked or max_examples),
        stateful_step_count=steps,
        derandomize=asked is None,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )


@dataclass
class Begun:
    """An operation that an answer began: its address and what it was about."""

    url: str
    method: str
    path: str
    seen: str = ""


class Machine(RuleBasedStateMachine):
    """A client of one sandbox. A subclass says what the sandbox holds at first, and adds rules."""

    scenario: ClassVar[dict[str, Any]] = {}

    def __init__(self) -> None:
        super().__init__()
        described = {"runtime": "echo", **self.scenario}
        described["quotas"] = {**_MANY_REQUESTS, **described.get("quotas", {})}
        self.azure = StillSandbox(Scenario.model_validate(described))
        self.begun: list[Begun] = []

    def teardown(self) -> None:
        try:
            self.settle()
        finally:
            self.azure.close()

    # --- What a client does ------------------------------------------------------------------------------------

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        version: str = VERSION,
        principal: Principal | None = None,
        query: str = "",
    ) -> Answer:
        """One request, with all that must be so of any answer."""
        before = self.azure.digest()
        target = f"{path}?api-version={version}{query}"
        answer = self.azure.send(method, target, body, principal)
        check_answer(answer)
        if answer.status >= 400 or method == "GET":
            assert self.azure.digest() == before, (method, target, body, answer)
        if url := answer.headers.get("azure-asyncoperation"):
            self.begun.append(Begun(url.removeprefix("https://management.azure.com"), method, path))
        return answer

    def get(self, path: str, **options: Any) -> Any:
        """The body of a read that must succeed."""
        answer = self.send("GET", path, **options)
        assert answer.status == 200, (path, answer, answer.raw)
        return answer.body

    def find(self, path: str, **options: Any) -> Any:
        """The body of a read, or None where there is nothing."""
        answer = self.send("GET", path, **options)
        assert answer.status in (200, 404), (path, answer, answer.raw)
        return answer.body if answer.status == 200 else None

    def listed(self, path: str, **options: Any) -> list[Any]:
        """A list's values; empty where its parent is not there."""
        return (self.find(path, **options) or {}).get("value", [])

    @rule(azure_s=st.sampled_from([1.0, 25.0, 70.0, 130.0, 500.0, 4000.0]))
    def let_time_pass(self, azure_s: float) -> None:
        self.azure.pass_time(azure_s)

    @rule()
    def settle(self) -> None:
        """Everything that was begun has ended after long enough, and nothing is left in between."""
        self.azure.pass_time(LONG_S)
        for begun in self.begun:
            self._look(begun)
            assert begun.seen in TERMINAL, begun
        for document in list(self.azure.world.documents.below("/")):
            state = (document.get("properties") or {}).get("provisioningState", "Succeeded")
            assert state in TERMINAL, document

    # --- What must hold ----------------------------------------------------------------------------------------

    @invariant()
    def what_must_hold(self) -> None:
        """One invariant for all: a failing sequence then shows what was done, and little else."""
        self.require_sound()

    def require_sound(self) -> None:
        """What must hold after every step; a subclass adds what it knows."""
        self._require_operations_to_end_for_good()
        self._require_parents()
        self._require_names_of_endpoints()

    def _require_operations_to_end_for_good(self) -> None:
        for begun in self.begun[-5:]:
            self._look(begun)

    def _require_parents(self) -> None:
        documents = self.azure.world.documents
        for document in list(documents.below("/")):
            parent = parent_of(document["id"])
            assert parent is None or parent in documents, document["id"]

    def _require_names_of_endpoints(self) -> None:
        world = self.azure.world
        owners = [owner for each in world.endpoint_names._owners.values() for owner in each.values()]
        kind = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
        endpoints = [document["id"] for document in world.documents.below("/", kind)]
        assert sorted(owners) == sorted(endpoints)
        keyed = {*world.secrets.endpoint_keys, *world.secrets.token_keys}
        assert keyed <= {each.lower() for each in endpoints}

    def _look(self, begun: Begun) -> None:
        answer = self.azure.send("GET", begun.url)
        check_answer(answer)
        assert answer.status == 200, (begun, answer.raw)
        status = answer.body["status"]
        if begun.seen in TERMINAL:
            assert status == begun.seen, begun
        if status == "Failed":
            assert not answer.body["error"]["message"].startswith("Sandbox defect"), answer.body
        begun.seen = status


def check_answer(answer: Answer) -> None:
    """What holds of all answers: heads as ARM writes them, JSON, and Azure's envelope around a refusal."""
    assert answer.status < 500, answer.raw
    assert {"x-ms-request-id", "x-ms-correlation-request-id", "date"} <= answer.headers.keys()
    if answer.raw:
        assert answer.headers["content-type"].startswith("application/json")
        assert int(answer.headers["content-length"]) == len(answer.raw)
    if answer.status < 400:
        return
    error = answer.body["error"]
    assert isinstance(error["code"], str)
    assert error["code"]
    assert isinstance(error["message"], str)
    assert error["message"]
    assert ("x-ms-failure-cause" in answer.headers) != ("x-ms-response-type" in answer.headers)


def parent_of(identifier: str) -> str | None:
    """The id of what a resource lies in or hangs on; None for what stands by itself."""
    parts = identifier.strip("/").split("/")
    if parts[-4:-2] and parts[-4].lower() == "providers":  # a resource, or an extension of one
        scope = "/".join(parts[:-4])
        return f"/{scope}" if len(parts) > 6 else None
    is_own = parts[2:3] == ["providers"]  # what the service keeps for itself, such as what is soft-deleted
    return "/" + "/".join(parts[:-2]) if len(parts) > 4 and not is_own else None
