"""What starting costs: CPU time of fresh interpreters, and as a multiple of an interpreter that does nothing.

The multiple is what to compare between machines; the median of the runs stands against noise.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Sequence

RUNS = 7
PROGRAMS = {
    "nothing": "pass",
    "import vnetferry": "import vnetferry",
    "vnetferry --help": "import sys; from vnetferry.cli.main import main; sys.argv = ['vnetferry', '--help']; main()",
    "import prefect": "import prefect",
    "import azure.ai.ml": "import azure.ai.ml",
}


def cpu_s(command: Sequence[str]) -> float:
    """CPU seconds, user and system, of one run of a command."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Print one line for each program."""
    costs = {
        name: statistics.median(cpu_s([sys.executable, "-c", program]) for _ in range(RUNS))
        for name, program in PROGRAMS.items()
    }
    for name, cost in costs.items():
        print(f"{name:20} {cost:7.3f} s CPU {cost / costs['nothing']:8.1f} x")


if __name__ == "__main__":
    main()
