"""A caller of one endpoint, as a process of its own: it asks 50 times a second, and goes where the handoff file says.

`python -m tests.flows.caller` reads {uri, key, endpoint, handoff, stop} as JSON from standard input, asks until the
file `stop` is there, and prints what became of it as JSON: {URI: {status or error: count}}.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests

# Each waits for its answer before it asks again, so never more are on their way than two instances take at once.
_THREADS, _EACH_S = 2, 2 / 50


def main() -> None:
    """Ask until told to stop."""
    order = json.loads(sys.stdin.readline())
    with ThreadPoolExecutor(_THREADS) as pool:
        runs = [pool.submit(_ask, order) for _ in range(_THREADS)]
        asked = [run.result() for run in runs]
    found: dict[str, Counter[str]] = {}
    for answers in asked:
        for (uri, status), count in answers.items():
            found.setdefault(uri, Counter())[status] += count
    json.dump(found, sys.stdout)


def _ask(order: dict[str, Any]) -> Counter[tuple[str, str]]:
    answers: Counter[tuple[str, str]] = Counter()
    headers = {"Authorization": f"Bearer {order['key']}"}
    with requests.Session() as session:
        session.verify = os.environ["REQUESTS_CA_BUNDLE"]
        while not Path(order["stop"]).exists():
            due = time.monotonic() + _EACH_S
            uri = _uri(order)
            try:
                status = str(
                    session.post(uri, json={"data": [[1, 2]]}, headers=headers, timeout=60).status_code
                )
            except requests.RequestException as err:
                status = repr(err)
            answers[uri, status] += 1
            time.sleep(max(0, due - time.monotonic()))
    return answers


def _uri(order: dict[str, Any]) -> str:
    """Where to ask now: what the handoff file says, once there is one."""
    handoff = Path(order["handoff"])
    rows = json.loads(handoff.read_text())["endpoints"] if handoff.exists() else []
    return next((row["target_uri"] for row in rows if row["endpoint"] == order["endpoint"]), order["uri"])


if __name__ == "__main__":
    main()
