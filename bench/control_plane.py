"""What the sandbox's control plane costs: a scenario of 1,000 endpoints with two deployments each.

Measured: how long it takes to load, how many requests a second it answers on one core through its proxy, and how much
memory it takes. Beside it, in the same run and turn by turn: the bare ASGI server, which is the same proxy, TLS and
HTTP parser before an application that answers the same number of bytes. The ratio is what to compare between
machines. The targets are judged by the server's CPU time where the system tells it (a second of it is a second of one
core), as what else the machine does is not the sandbox's doing: on a quiet machine both times are the same.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from large.client import Client, Sent, sign_in
from large.scenario import API, DEPLOYMENTS, ENDPOINTS, WORKSPACES, endpoint_id, scenario, workspace_id
from large.servers import TIME_SCALE, Server, pin, sandbox_command, serving

ROUNDS, REQUESTS, CONNECTIONS, LOADS = 5, 1_000, 4, 3
BARE = Path(__file__).parent / "large" / "bare.py"
MOST_LOAD_S, LEAST_RATE, MOST_MIB = 5.0, 300.0, 300.0
# How many of twenty requests are of each kind: mostly the polling and comparing that a migration does.
MIX = {
    "get endpoint": 6,
    "get deployment": 6,
    "list deployments": 3,
    "operation status": 3,
    "list endpoints": 1,
    "put endpoint": 1,
}
LOAD_IN_PROCESS = """
import sys, time
from vnetferry.sandbox.scenario_file import load
from vnetferry.sandbox.server import running
started = time.perf_counter()
with running(load(sys.argv[1])):
    print(time.perf_counter() - started)
"""


def mixed(statuses: Sequence[str]) -> list[Sent]:
    """The requests of one round, in an order that spreads the kinds; `statuses` are operations' URLs."""
    kinds = [kind for kind, share in MIX.items() for _ in range(share)]
    order = [kinds[i * 7 % len(kinds)] for i in range(len(kinds))]
    return [request(order[n % len(order)], n, statuses) for n in range(REQUESTS)]


def request(kind: str, n: int, statuses: Sequence[str]) -> Sent:
    """The nth request, of that kind."""
    number = n * 37 % ENDPOINTS
    one = endpoint_id(number)
    targets = {
        "get endpoint": f"{one}?{API}",
        "get deployment": f"{one}/deployments/blue?{API}",
        "list deployments": f"{one}/deployments?{API}",
        "list endpoints": f"{workspace_id(number)}/onlineEndpoints?{API}&$skip={number // WORKSPACES // 30 * 30}",
        "operation status": statuses[n % len(statuses)],
    }
    return put(number) if kind == "put endpoint" else Sent("GET", targets[kind])


def put(number: int) -> Sent:
    """A change of an endpoint's tags and traffic."""
    properties = {"authMode": "Key", "traffic": {"blue": 50, "green": 50}, "description": "Changed"}
    body = {"location": "westeurope", "tags": {"n": str(number)}, "identity": {"type": "SystemAssigned"}}
    content = json.dumps({**body, "properties": properties}).encode()
    return Sent("PUT", f"{endpoint_id(number)}?{API}", content)


def begin_operations(client: Client) -> list[str]:
    """Start a few operations; where their status is asked for."""
    answers = [client.require(put(number))[0] for number in range(ENDPOINTS - 20, ENDPOINTS)]
    time.sleep(2 / TIME_SCALE)
    return [answer["azure-asyncoperation"].partition("management.azure.com")[2] for answer in answers]


def sized(client: Client, mix: Sequence[Sent]) -> list[Sent]:
    """The same requests with the sizes of the sandbox's answers."""
    return [replace(sent, size=len(client.require(sent)[1])) for sent in mix]


@dataclass(frozen=True)
class Rate:
    """Requests in a second, and in a second of the server's CPU time (None where it is not known)."""

    wall: float
    cpu: float | None


def measure(server: Server, clients: Sequence[Client], mix: Sequence[Sent]) -> Rate:
    """Send the requests over all connections at once."""
    shares = [mix[n :: len(clients)] for n in range(len(clients))]
    cpu_before, started = server.cpu_s(), time.perf_counter()
    with ThreadPoolExecutor(len(clients)) as threads:
        list(threads.map(send_all, clients, shares))
    wall_s, cpu_after = time.perf_counter() - started, server.cpu_s()
    cpu_s = cpu_after - cpu_before if cpu_before is not None and cpu_after is not None else None
    return Rate(len(mix) / wall_s, len(mix) / cpu_s if cpu_s else None)


def send_all(client: Client, mix: Sequence[Sent]) -> None:
    """Send them one after the other; whatever is refused ends the benchmark."""
    for sent in mix:
        client.require(sent)


def compare_rates(sandbox: Server) -> tuple[Rate, Rate]:
    """The median rates of the sandbox and of the bare server, taken turn by turn."""
    token = sign_in(sandbox)
    first = Client(sandbox, "management.azure.com", token)
    mix = sized(first, mixed(begin_operations(first)))
    first.close()
    rates: tuple[list[Rate], list[Rate]] = ([], [])
    with serving([sys.executable, str(BARE)]) as bare:
        pairs = [
            (server, [Client(server, "management.azure.com", token) for _ in range(CONNECTIONS)], found)
            for server, found in zip((sandbox, bare), rates, strict=True)
        ]
        for _ in range(ROUNDS):
            for server, clients, found in pairs:
                found.append(measure(server, clients, mix))
        for client in (client for _, clients, _ in pairs for client in clients):
            client.close()
    return median(rates[0]), median(rates[1])


def median(rates: Sequence[Rate]) -> Rate:
    """The middle of several rounds."""
    return Rate(statistics.median(rate.wall for rate in rates), middle(rate.cpu for rate in rates))


def load_s(file: Path) -> float:
    """How long a scenario takes from its file to a sandbox that answers, without the interpreter's start."""
    program = [sys.executable, "-c", LOAD_IN_PROCESS, str(file)]
    return float(subprocess.run(program, check=True, stdout=subprocess.PIPE).stdout)


def write(folder: str, name: str, described: Mapping[str, Any]) -> Path:
    """A scenario's file."""
    file = Path(folder) / name
    file.write_text(
        yaml.dump(described, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), sort_keys=False)
    )
    return file


def middle(values: Iterable[float | None]) -> float | None:
    """The median of what is known."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def show(what: str, ours: float | None, beside: float | None, unit: str) -> None:
    """One line of the table: the sandbox, what it is compared with, and the ratio."""
    if ours and beside:
        print(f"{what:52} {ours:8.1f} {beside:8.1f} {unit:4} {ours / beside:7.2f} x")


def judge(what: str, found: float, *, holds: bool) -> None:
    """Whether one target holds on this machine."""
    print(f"{'holds' if holds else 'MISSED':7} {what} (found {found:.1f})")


def measure_loads(files: Sequence[Path]) -> list[tuple[list[Server], list[float]]]:
    """For each scenario: sandboxes that loaded it and ended, and how long it took without an interpreter's start."""
    found: list[tuple[list[Server], list[float]]] = [([], []) for _ in files]
    for _ in range(LOADS):
        for file, (servers, inside) in zip(files, found, strict=True):
            with serving(sandbox_command(file)) as server:
                servers.append(server)
            inside.append(load_s(file))
    return found


def main() -> None:
    """Measure, and print the table and whether the targets hold on this machine."""
    with tempfile.TemporaryDirectory() as folder:
        files = (write(folder, "full.yaml", scenario()), write(folder, "empty.yaml", {"runtime": "echo"}))
        (full, full_s), (empty, empty_s) = measure_loads(files)
        with serving(sandbox_command(files[0])) as sandbox:
            pin(os.getpid(), first=False)
            ours, bare = compare_rates(sandbox)
    ready_s = statistics.median(server.ready_s for server in full)
    empty_mib = statistics.median(server.peak_mib for server in empty)
    print(f"{f'{ENDPOINTS} endpoints with {DEPLOYMENTS} deployments each':52} {'sandbox':>8} {'beside':>8}")
    show("command to ready | empty scenario", ready_s, middle(each.ready_s for each in empty), "s")
    full_cpu_s, empty_cpu_s = (middle(server.ready_cpu_s for server in each) for each in (full, empty))
    show("command to ready, CPU time | empty scenario", full_cpu_s, empty_cpu_s, "s")
    show("file to ready | empty scenario", middle(full_s), middle(empty_s), "s")
    show("requests a second | bare ASGI server", ours.wall, bare.wall, "/s")
    show("requests a second of CPU time | bare ASGI server", ours.cpu, bare.cpu, "/s")
    show("peak memory once loaded | empty scenario", middle(each.peak_mib for each in full), empty_mib, "MiB")
    show("peak memory after the requests | empty scenario", sandbox.peak_mib, empty_mib, "MiB")
    loaded_s, rate = full_cpu_s or ready_s, ours.cpu or ours.wall
    judge(f"loads in under {MOST_LOAD_S:g} s", loaded_s, holds=loaded_s < MOST_LOAD_S)
    judge(f"answers {LEAST_RATE:g} requests a second on one core", rate, holds=rate >= LEAST_RATE)
    judge(f"stays under {MOST_MIB:g} MiB", sandbox.peak_mib, holds=sandbox.peak_mib < MOST_MIB)


if __name__ == "__main__":
    main()
