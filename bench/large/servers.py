"""Servers to measure, each a process of its own on the first core."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TIME_SCALE = 60
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
PRINT_ENVIRONMENT = "import json, os, sys; print(json.dumps(dict(os.environ)), flush=True); sys.stdin.read()"


@dataclass
class Server:
    """A server under test: its process, its proxy's port, its CA, and what its clients' environment holds."""

    process: subprocess.Popen[bytes]
    ready_s: float
    environment: Mapping[str, str]
    ready_cpu_s: float | None = None
    peak_mib: float = 0.0

    @property
    def port(self) -> int:
        """The proxy's port for the internet."""
        return int(self.environment["HTTPS_PROXY"].rpartition(":")[2])

    @property
    def trust(self) -> ssl.SSLContext:
        """A client's context that trusts the server's CA alone."""
        return ssl.create_default_context(cafile=self.environment["SSL_CERT_FILE"])

    def cpu_s(self) -> float | None:
        """The CPU seconds that it took so far, where the system tells."""
        file = Path(f"/proc/{self.process.pid}/stat")
        if not file.exists():
            return None
        user, system = file.read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(command: Sequence[str]) -> Iterator[Server]:
    """Run a server that prints its clients' environment when it is ready, and ends when its input does."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin
    assert process.stdout
    pin(process.pid, first=True)
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"{' '.join(command)} ended with {process.wait()}")
    server = Server(process, time.perf_counter() - started, json.loads(line))
    server.ready_cpu_s = server.cpu_s()
    try:
        yield server
    finally:
        process.stdin.close()
        process.stdout.close()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        # Linux counts in KiB, macOS in bytes.
        server.peak_mib = usage.ru_maxrss / (1024 if sys.platform == "linux" else 1024 * 1024)


def pin(pid: int, *, first: bool) -> None:
    """Keep a process on the first core that we have, or off it; without effect where there is no such thing."""
    if len(CORES) > 1:
        os.sched_setaffinity(pid, CORES[:1] if first else CORES[1:])


def sandbox_command(file: Path) -> list[str]:
    """`vnetferry sandbox run` as an operator calls it."""
    program = "from vnetferry.cli.main import main; main()"
    options = ["--scenario", str(file), "--time-scale", str(TIME_SCALE)]
    command = [sys.executable, "-c", PRINT_ENVIRONMENT]
    return [sys.executable, "-c", program, "sandbox", "run", *options, "--", *command]
