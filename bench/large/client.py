"""A client of one kept-alive connection that does as little work for each request as it can."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlencode

from large.servers import Server


@dataclass(frozen=True)
class Sent:
    """A request; `size` is the length of the body that the sandbox answered to one like it."""

    method: str
    target: str
    body: bytes = b""
    size: int = 0


class Client:
    """One connection through a server's proxy."""

    def __init__(self, server: Server, host: str, token: str = "") -> None:
        plain = socket.create_connection(("127.0.0.1", server.port), timeout=30)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
        while not plain.recv(4096).endswith(b"\r\n\r\n"):
            pass
        self._socket = server.trust.wrap_socket(plain, server_hostname=host)
        self._head = f"Host: {host}\r\nAuthorization: Bearer {token}\r\nAccept: application/json"

    def send(self, sent: Sent, content_type: str = "application/json") -> tuple[int, dict[str, str], bytes]:
        """The answer's status, headers and body."""
        lines = f"{sent.method} {sent.target} HTTP/1.1\r\n{self._head}\r\nx-bytes: {sent.size}\r\n"
        about = f"Content-Type: {content_type}\r\nContent-Length: {len(sent.body)}\r\n\r\n"
        self._socket.sendall((lines + about).encode() + sent.body)
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._receive()
        head, _, body = received.partition(b"\r\n\r\n")
        status, *fields = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}
        while len(body) < int(headers.get("content-length", 0)):
            body += self._receive()
        return int(status.split(" ")[1]), headers, body

    def require(self, sent: Sent) -> tuple[dict[str, str], bytes]:
        """The headers and body of an answer that is no refusal; SystemExit for one that is."""
        status, headers, body = self.send(sent)
        if status not in (200, 201):
            raise SystemExit(f"{sent.method} {sent.target} was answered {status}: {body[:300]!r}")
        return headers, body

    def close(self) -> None:
        """End the connection."""
        with suppress(OSError):
            self._socket.close()

    def _receive(self) -> bytes:
        part = self._socket.recv(65536)
        if not part:
            raise SystemExit("The server closed a connection.")
        return part


def sign_in(server: Server) -> str:
    """A token for Resource Manager, as azure-identity gets it."""
    environment = server.environment
    asked = {
        "grant_type": "client_credentials",
        "client_id": environment["AZURE_CLIENT_ID"],
        "client_secret": environment["AZURE_CLIENT_SECRET"],
        "scope": "https://management.azure.com/.default",
    }
    target = f"/{environment['AZURE_TENANT_ID']}/oauth2/v2.0/token"
    client = Client(server, "login.microsoftonline.com")
    body = urlencode(asked).encode()
    answer = client.send(Sent("POST", target, body), "application/x-www-form-urlencoded")[2]
    client.close()
    return str(json.loads(answer)["access_token"])
