"""Proof that a new endpoint serves as the old one did, and only where it should.

Traffic is set after these steps and never before, so an endpoint of ours that has live traffic has passed them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from tasks.answers import read_answers, write_answers
from tasks.assets import source_of
from tasks.endpoint import read_endpoint
from tasks.step import step_task
from vnetferry.checks.answers import compare_answers as differences
from vnetferry.errors import ConfigError, ScoringFailed, VerificationFailed
from vnetferry.gateway import endpoints, scoring
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.conversion import is_made_by
from vnetferry.models.base import Json
from vnetferry.models.config import Tolerance
from vnetferry.models.ids import ResourceId
from vnetferry.models.outcome import Outcome
from vnetferry.models.plan import Step
from vnetferry.models.run import Run

INTERNET = "internet"
_SHOWN_DIFFERENCES = 3
_REFUSED = (0, 403)  # nothing answered, or the endpoint takes no caller from this network


@step_task()
def smoke_test(step: Step, run: Run, azure: Azure) -> Outcome:
    """Ask one deployment by header, while it has no traffic."""
    endpoint = read_endpoint(azure, step.resource.parent)
    if has_traffic(endpoint):
        return _already_proven(step)
    if not step.spec["request"]:
        return Outcome(
            step=step.id, status="skipped", message="no scoring request is configured for this endpoint"
        )
    answer = ask(azure, endpoint, read_request(step, run), step.resource.name)
    served_by = answer.deployment or step.resource.name
    if served_by.lower() != step.resource.name.lower():
        raise VerificationFailed(f"{step.title}: {served_by} answered instead", resource=str(step.resource))
    return Outcome(
        step=step.id,
        status="done",
        resource=step.resource,
        message=f"answered {answer.status} to {answer.vantage}",
        request_id=answer.request_id,
        facts={"status": answer.status, "answer_digest": hashlib.sha256(answer.body).hexdigest()},
    )


@step_task()
def compare_answers(step: Step, run: Run, azure: Azure) -> Outcome:
    """Send the same request to each deployment of the source and of the target, and compare."""
    target = read_endpoint(azure, step.resource)
    if has_traffic(target):
        return _already_proven(step)
    if not step.spec["request"]:
        return Outcome(
            step=step.id, status="skipped", message="no scoring request is configured for this endpoint"
        )
    body = read_request(step, run)
    old_answer = _old_answers(step, run, azure, body)
    if old_answer is None:
        return Outcome(
            step=step.id,
            status="skipped",
            message=f"{step.spec['answers']} does not hold the old endpoint's answers any more",
        )
    source, tolerance = source_of(step), Tolerance.model_validate(step.spec["tolerance"])
    for old_name, new_name in step.spec["deployments"]:
        new = ask(azure, target, body, new_name)
        if lines := differences(old_answer(old_name), new.body, tolerance):
            raise VerificationFailed(
                f"the answers of {source.name}/{old_name} and {target['name']}/{new_name} differ: "
                + "; ".join(lines[:_SHOWN_DIFFERENCES]),
                resource=str(step.resource),
                remedy="Look at both answers; widen validation.tolerance only when the difference is meant.",
            )
    compared = [f"{old}={new}" for old, new in step.spec["deployments"]]
    return Outcome(
        step=step.id,
        status="done",
        resource=step.resource,
        message=f"{len(compared)} deployment(s) answer as before",
        facts={"compared": compared, "equal": True},
    )


@step_task()
def record_answers(step: Step, run: Run, azure: Azure) -> Outcome:
    """Keep what each deployment answers, in a file beside the plan, for comparing once it is gone."""
    file, names = Path(run.folder, step.spec["answers"]), step.spec["deployments"]
    if read_answers(file, run.plan, step.spec["request_sha256"]).keys() >= set(names):
        return Outcome(step=step.id, status="already_done", resource=step.resource)
    endpoint = endpoints.find_endpoint(azure, step.resource)
    if endpoint is None or is_made_by(endpoint, run.tags):
        message = "the old endpoint is gone, and so are its answers"
        return Outcome(step=step.id, status="skipped", resource=step.resource, message=message)
    body = read_request(step, run)
    answers = {name: ask(azure, endpoint, body, name).body for name in names}
    write_answers(file, run.plan, step.spec["request_sha256"], answers)
    return Outcome(
        step=step.id,
        status="done",
        resource=step.resource,
        message=f"{len(answers)} deployment(s) answered",
        facts={"file": step.spec["answers"]},
    )


def _old_answers(step: Step, run: Run, azure: Azure, body: bytes) -> Callable[[str], bytes] | None:
    """What gives the answer of a source's deployment: the source itself, or in place what was recorded of it.

    None when the record is lost: an endpoint that is to serve again must not wait for what nobody can bring back.
    """
    if "answers" not in step.spec:
        source = read_endpoint(azure, source_of(step))
        return lambda name: ask(azure, source, body, name).body
    recorded = read_answers(Path(run.folder, step.spec["answers"]), run.plan, step.spec["request_sha256"])
    wanted = {old for old, _ in step.spec["deployments"]}
    return recorded.__getitem__ if recorded.keys() >= wanted else None


@step_task()
def probe_isolation(step: Step, run: Run, azure: Azure) -> Outcome:
    """Ask from every vantage: the internet must be refused where public access is disabled, a VNet must be served."""
    endpoint = read_endpoint(azure, step.resource)
    if has_traffic(endpoint):
        return _already_proven(step)
    credential = endpoints.read_credential(azure, ResourceId(endpoint["id"]))
    uri = endpoint["properties"]["scoringUri"]
    reached: list[str] = []
    refused: list[str] = []
    for vantage in scoring.vantages():
        found = scoring.probe(uri, credential, b"{}", vantage=vantage)
        (reached if found.reached else refused).append(vantage)
    # What was planned counts: another hand may have opened the endpoint since it was created.
    access = step.spec["public_network_access"] or endpoint["properties"]["publicNetworkAccess"]
    if access.lower() == "disabled" and INTERNET in reached:
        raise VerificationFailed(
            f"{endpoint['name']} can be reached from the internet although its public network access shall be "
            "disabled",
            resource=str(step.resource),
            remedy="Read publicNetworkAccess of the endpoint and of its workspace, and mend it before anything else.",
        )
    if not reached:
        raise VerificationFailed(
            f"{endpoint['name']} can be reached from none of: {', '.join(refused)}",
            resource=str(step.resource),
            remedy="Give the callers' VNet a private endpoint to the target workspace (target.inbound.subnet_id).",
        )
    proven = f"refused from {', '.join(refused) or 'nowhere'}, answered to {', '.join(reached)}"
    return Outcome(
        step=step.id,
        status="done",
        resource=step.resource,
        message=proven,
        facts={"reached_from": reached, "refused_from": refused},
    )


def ask(azure: Azure, endpoint: Json, body: bytes, deployment: str | None) -> scoring.Answer:
    """Score from the first vantage that is let in, the VNets before the internet. Raises: ScoringFailed."""
    credential = endpoints.read_credential(azure, ResourceId(endpoint["id"]))

    def score(vantage: str) -> scoring.Answer:
        uri = endpoint["properties"]["scoringUri"]
        return scoring.score(uri, credential, body, deployment=deployment, vantage=vantage)

    *first, last = sorted(scoring.vantages(), key=lambda name: name == INTERNET)
    answers = (_unless_refused(score, vantage) for vantage in first)
    return next((answer for answer in answers if answer), None) or score(last)


def _unless_refused(score: Callable[[str], scoring.Answer], vantage: str) -> scoring.Answer | None:
    """The answer, or None when the network between does not let the request through."""
    try:
        return score(vantage)
    except ScoringFailed as err:
        if err.status in _REFUSED:
            return None
        raise


def has_traffic(endpoint: Json) -> bool:
    """Whether any deployment of an endpoint's document has live traffic."""
    return bool(live_traffic(endpoint))


def live_traffic(endpoint: Json) -> dict[str, int]:
    """Deployment (lower case) -> percent of an endpoint's document, without those that have none."""
    return live(endpoint["properties"].get("traffic") or {})


def live(traffic: dict[str, int]) -> dict[str, int]:
    """Traffic weights as Azure compares them: names without case, no zero entries."""
    return {name.lower(): pct for name, pct in traffic.items() if pct}


def read_request(step: Step, run: Run) -> bytes:
    """The scoring request of a step, which must be the one that the plan was made with."""
    path = Path(run.folder, step.spec["request"])
    try:
        body = path.read_bytes()
    except OSError as err:
        raise ConfigError(
            f"the scoring request {path} cannot be read", remedy="Put it back, or plan again without it."
        ) from err
    if hashlib.sha256(body).hexdigest() != step.spec["request_sha256"]:
        raise ConfigError(f"the scoring request {path} changed after the plan was made", remedy="Plan again.")
    return body


def _already_proven(step: Step) -> Outcome:
    return Outcome(
        step=step.id,
        status="already_done",
        resource=step.resource,
        message="the endpoint has live traffic, which is only set after this",
    )
