"""One inference server: a process group that listens on loopback only and never outlives the sandbox.

Its output is kept (the last 512 KiB); it is ready when its own liveness route answers, and gone after `stop`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

_LOG_LIMIT_BYTES = 512 * 1024
_LAUNCHER = Path(__file__).with_name("launcher.py")
_POLL_S = 0.05
# No request lasts longer: Azure's own limit is 180 s, and the deployment's time-out is kept by who asks.
_LONGEST_S = 200.0


@dataclass(frozen=True)
class Launch:
    """What to run. `environment` is complete: nothing of the sandbox's own environment is added."""

    python: Path
    app_root: Path
    entry_script: str
    environment: Mapping[str, str]


class ServerProcess:
    """A running server; make one with `launch`."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self._output = bytearray()
        self._reader = asyncio.create_task(self._read_output())
        self._client = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=_LONGEST_S, limits=httpx.Limits()
        )

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.returncode is None

    @property
    def pid(self) -> int:
        """The id of the process, which is also its group's."""
        return self._process.pid

    def log(self) -> str:
        """What it wrote so far, stdout and stderr together; the oldest goes first when it is too much."""
        return self._output.decode(errors="replace")

    async def wait_ready(self, timeout_s: float) -> bool:
        """Whether the liveness route answered within `timeout_s` real seconds.

        False at once when the process ends.
        """
        with contextlib.suppress(asyncio.TimeoutError):
            return await asyncio.wait_for(self._wait_ready(), timeout_s)
        return False

    async def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> httpx.Response:
        """One request to the server; httpx.TransportError when it cannot be reached or breaks off."""
        return await self._client.request(method, path, headers=dict(headers), content=body)

    async def stop(self) -> None:
        """End the whole process group and wait until it is gone; repeatable."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        await self._process.wait()
        await self._reader
        await self._client.aclose()

    async def _wait_ready(self) -> bool:
        while self.is_alive:
            with contextlib.suppress(httpx.TransportError):
                return (await self._client.get("/")).status_code == httpx.codes.OK
            await asyncio.sleep(_POLL_S)
        await self._reader
        return False

    async def _read_output(self) -> None:
        stream = self._process.stdout
        while stream is not None and (piece := await stream.read(65_536)):
            self._output += piece
            del self._output[:-_LOG_LIMIT_BYTES]


async def launch(what: Launch) -> ServerProcess:
    """Start a server on an ephemeral loopback port; it is not ready yet (`wait_ready`)."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            str(what.python),
            str(_LAUNCHER),
            str(listener.fileno()),
            str(port),
            what.entry_script,
            cwd=what.app_root,
            env=dict(what.environment),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            pass_fds=(listener.fileno(),),
            start_new_session=True,
        )
    return ServerProcess(process, port)
