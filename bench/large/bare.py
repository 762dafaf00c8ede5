"""The bare ASGI server: the sandbox's proxy, TLS and HTTP parser before next to nothing."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from vnetferry.sandbox.ca import CertificateAuthority
from vnetferry.sandbox.doors import Door
from vnetferry.sandbox.proxy import Proxies


async def serve_bare() -> None:
    """The bare ASGI server, behind the sandbox's own proxy; it answers as many bytes as the request says."""
    with tempfile.TemporaryDirectory() as folder:
        authority = CertificateAuthority(Path(folder) / "ca")
        proxies = Proxies(answer_bare, authority, lambda *_: None, lambda *_: Door("public"))
        port = await proxies.open("internet", lambda *_: None)
        environment = {"HTTPS_PROXY": f"http://127.0.0.1:{port}", "SSL_CERT_FILE": str(authority.bundle)}
        print(json.dumps(environment), flush=True)
        await asyncio.to_thread(sys.stdin.read)
        await proxies.close()


async def answer_bare(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """The application: reads the request whole and answers."""
    while (await receive()).get("more_body"):
        pass
    size = int(dict(scope["headers"])[b"x-bytes"])
    headers = [(b"content-type", b"application/json; charset=utf-8"), (b"content-length", str(size).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b" " * size})


if __name__ == "__main__":
    asyncio.run(serve_bare())
