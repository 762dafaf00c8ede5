from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.sandbox.scoring_runtime import needs_runtime
from vnetferry.sandbox.scoring import runtime
from vnetferry.sandbox.scoring.process import Launch, launch

_SCRIPT = "import os\n\ndef init():\n    print('worker', os.getpid())\n\ndef run(data):\n    return data\n"
_SANDBOX = """
import asyncio, sys
from pathlib import Path
from vnetferry.sandbox.scoring.process import Launch, launch

async def main():
    python, folder = Path(sys.argv[1]), Path(sys.argv[2])
    environment = {"AML_APP_ROOT": str(folder), "HOME": str(folder)}
    server = await launch(Launch(python, folder, "score.py", environment))
    assert await server.wait_ready(60)
    print(server.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@needs_runtime
def test_servers_die_with_the_sandbox_even_when_it_is_killed(tmp_path: Path) -> None:
    (tmp_path / "score.py").write_text(_SCRIPT)
    command = [sys.executable, "-c", _SANDBOX, str(runtime.find_python()), str(tmp_path)]
    source = str(Path(runtime.__file__).parents[3])
    environment = {**os.environ, "PYTHONPATH": source}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as sandbox:
        assert sandbox.stdout is not None
        group = int(sandbox.stdout.readline())
        os.killpg(group, 0)
        sandbox.send_signal(signal.SIGKILL)
    assert _ends(group)


@needs_runtime
def test_server_listens_on_loopback_only(tmp_path: Path) -> None:
    (tmp_path / "score.py").write_text(_SCRIPT)

    async def addresses() -> set[str]:
        environment = {"AML_APP_ROOT": str(tmp_path), "HOME": str(tmp_path)}
        server = await launch(Launch(runtime.find_python(), tmp_path, "score.py", environment))
        try:
            assert await server.wait_ready(60)
            return _listening(server.pid)
        finally:
            await server.stop()

    assert asyncio.run(addresses()) == {"127.0.0.1"}


@needs_runtime
def test_server_that_exits_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "score.py").write_text("raise SystemExit(1)")

    async def outcome() -> tuple[bool, str]:
        environment = {"AML_APP_ROOT": str(tmp_path), "HOME": str(tmp_path)}
        server = await launch(Launch(runtime.find_python(), tmp_path, "score.py", environment))
        try:
            return await server.wait_ready(600), server.log()
        finally:
            await server.stop()

    ready, log = asyncio.run(outcome())
    assert not ready
    assert "SystemExit: 1" in log


def _ends(group: int) -> bool:
    """Whether the process group is gone before long."""
    for _ in range(200):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def _listening(group: int) -> set[str]:
    """The addresses on which the processes of a group listen (Linux: from /proc)."""
    if not Path("/proc/net/tcp").exists():
        pytest.skip("needs /proc")
    members = [
        int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit() and _group_of(int(p.name)) == group
    ]
    sockets = {str(link) for pid in members for link in _links(pid)}
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    own = [row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets]
    return {socket.inet_ntoa(bytes.fromhex(address.split(":")[0])[::-1]) for address in own}


def _group_of(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return -1


def _links(pid: int) -> list[str]:
    try:
        return [str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return []
