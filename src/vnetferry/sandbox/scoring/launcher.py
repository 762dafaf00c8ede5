"""Start azureml-inference-server-http on a socket that the sandbox bound, and die with the sandbox.

Run by the scoring runtime's Python, never imported: `python launcher.py FD PORT ENTRY_SCRIPT`.

The server would listen on every interface of the machine; instead it takes over the loopback socket FD, by
the protocol that gunicorn knows from systemd (LISTEN_FDS, first descriptor 3). Standard input is a pipe
that the sandbox holds open: when it ends, for whatever reason, the whole process group is killed, so that
nothing is left behind.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

_FIRST_FD = 3


def _take_over(fd: int) -> None:
    if fd != _FIRST_FD:
        os.dup2(fd, _FIRST_FD)
        os.close(fd)
    os.set_inheritable(_FIRST_FD, True)
    os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))


def _die_with_sandbox() -> None:
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGKILL)


def _serve(port: str, entry_script: str) -> None:
    from azureml_inference_server_http import amlserver  # type: ignore[import-not-found,unused-ignore]

    sys.argv = ["azmlinfsrv", "--entry_script", entry_script, "--port", port]
    amlserver.DEFAULT_HOST = "127.0.0.1"
    amlserver.run()


if __name__ == "__main__":
    _take_over(int(sys.argv[1]))
    threading.Thread(target=_die_with_sandbox, daemon=True).start()
    _serve(sys.argv[2], sys.argv[3])
