"""Bytes on the sandbox's ports that no sound client sends: each ends, and the next client is served as ever."""

from __future__ import annotations

import random
import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from vnetferry.sandbox.server import Sandbox

HOST = "management.azure.com"
SOUND = f"GET /subscriptions?api-version=2022-12-01 HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
_PATIENCE_S = 20


def _port(sandbox: Sandbox) -> int:
    return urlsplit(sandbox.vantages["internet"]).port or 0


def _open(sandbox: Sandbox) -> socket.socket:
    return socket.create_connection(("127.0.0.1", _port(sandbox)), timeout=_PATIENCE_S)


def _tunnel(sandbox: Sandbox, host: str = HOST) -> socket.socket:
    """A connection through the proxy, before TLS."""
    connection = _open(sandbox)
    connection.sendall(f"CONNECT {host}:443 HTTP/1.1\r\n\r\n".encode())
    assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
    return connection


def _secure(sandbox: Sandbox, host: str = HOST) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(sandbox.world.ca_file))
    return context.wrap_socket(_tunnel(sandbox, host), server_hostname=host)


def _all(connection: socket.socket) -> bytes:
    """Everything until the other side closes; a timeout fails the test."""
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except (ConnectionError, ssl.SSLError):
        pass
    return b"".join(parts)


def _statuses(raw: bytes) -> list[int]:
    """Those of the answers in a stream of bytes."""
    return [int(part[:3]) for part in raw.split(b"HTTP/1.1 ")[1:]]


@pytest.fixture(autouse=True)
def _serves_the_next_client(shared_sandbox: Sandbox) -> Iterator[None]:
    """After whatever a test does, a sound request is answered: it bears no token, and is told so."""
    yield
    with _secure(shared_sandbox) as connection:
        connection.sendall(SOUND)
        assert connection.recv(65536).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(
    "line",
    [
        b"CONNECT management.azure.com HTTP/1.1",
        b"CONNECT :443 HTTP/1.1",
        b"CONNECT management.azure.com:0x1bb HTTP/1.1",
        b"CONNECT management.azure.com:443:443 HTTP/1.1",
        b"CONNECT management.azure.com:99999 HTTP/1.1",
        b"CONNECT 127.0.0.1:22 HTTP/1.1",
        b"CONNECT [::1]:443 HTTP/1.1",
        b"CONNECT 169.254.169.254:443 HTTP/1.1",
        b"CONNECT localhost:443 HTTP/1.1",
        b"CONNECT ../../etc/passwd:443 HTTP/1.1",
        b"CONNECT management.azure.com\x00.example.com:443 HTTP/1.1",
        b"CONNECT management.azure.com:443 HTTP/9.9",
        b"CONNECT  management.azure.com:443 HTTP/1.1",
        b"connect management.azure.com:443 HTTP/1.1",
        b"CONNECT " + b"a." * 300 + b"com:443 HTTP/1.1",
        b"CONNECT \xff\xfe:443 HTTP/1.1",
        b"GET https://management.azure.com/ HTTP/1.1",
        b"GET file:///etc/passwd HTTP/1.1",
        b"GET http://127.0.0.1:1/ HTTP/1.1",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0",
        b"SSH-2.0-OpenSSH",
        b"",
    ],
    ids=lambda line: repr(line[:45]),
)
def test_proxy_asked_for_what_it_has_not_refuses_and_closes(shared_sandbox: Sandbox, line: bytes) -> None:
    with _open(shared_sandbox) as connection:
        connection.sendall(line + b"\r\n\r\n")
        statuses = _statuses(_all(connection))
    assert len(statuses) == 1
    assert 400 <= statuses[0] < 600


@pytest.mark.parametrize(
    "noise",
    [
        SOUND,
        b"\x00" * 500,
        b"\x16\x03\x01\xff\xff" + b"\xff" * 70_000,
        b"\x16\x03\x01\x00\x05hello",
        b"\x80\x2e\x01\x00\x02",
        random.Random(7).randbytes(4_000),
    ],
    ids=["plain", "zeros", "too-long", "no-hello", "sslv2", "random"],
)
def test_tunnel_sent_what_is_no_tls_closes(shared_sandbox: Sandbox, noise: bytes) -> None:
    with _tunnel(shared_sandbox) as connection:
        connection.sendall(noise)
        with suppress(OSError):  # the sandbox may have closed it by now
            connection.shutdown(socket.SHUT_WR)
        assert b"HTTP/" not in _all(connection)


def test_connections_that_say_nothing_keep_nobody_waiting(shared_sandbox: Sandbox) -> None:
    """Silent before the proxy, silent before TLS, and slow within it: a hundred at once."""
    with ExitStack() as idle:
        for number in range(100):
            connection = idle.enter_context(_open(shared_sandbox) if number % 2 else _tunnel(shared_sandbox))
            connection.sendall(b"CONN" if number % 2 else b"\x16")
        slow = idle.enter_context(_secure(shared_sandbox))
        slow.sendall(b"PUT / HTTP/1.1\r\nHost: management.azure.com\r\nContent-Length: 100\r\n\r\n{")
        with _secure(shared_sandbox) as connection:
            connection.sendall(SOUND)
            assert connection.recv(65536).startswith(b"HTTP/1.1 401 ")


def _written(body: bytes, *headers: str) -> bytes:
    line = "PUT /subscriptions/x/resourceGroups/y?api-version=2021-04-01 HTTP/1.1"
    return "\r\n".join([line, f"Host: {HOST}", *headers, "", ""]).encode("latin-1") + body


@pytest.mark.parametrize(
    "raw",
    [
        _written(b"0\r\n\r\n" + SOUND, "Content-Length: 5", "Transfer-Encoding: chunked"),
        _written(b"{}" + SOUND, "Content-Length: 2", "Content-Length: 99"),
        _written(b"{}", "Content-Length: -2"),
        _written(b"{}", "Content-Length: 0x2"),
        _written(b"{}", "Content-Length: 2, 2"),
        _written(b"{}", "Content-Length: " + "9" * 100),
        _written(b"zz\r\n{}\r\n0\r\n\r\n", "Transfer-Encoding: chunked"),
        _written(b"-2\r\n{}\r\n0\r\n\r\n", "Transfer-Encoding: chunked"),
        _written(b"ffffffffffffffffff\r\n{}", "Transfer-Encoding: chunked"),
        _written(b"", "Transfer-Encoding: identity, nonsense"),
        _written(b"", "X-Split: a\rb"),
        _written(b"", "X-Nul: a\x00b"),
        _written(b"", "No colon here"),
        _written(b"", " Folded: yes"),
        _written(b"", ": no name"),
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x00\x00\x00\x00\r\n\r\n",
        b"BREW /pot HTTP/1.1\r\nHost: management.azure.com\r\n\r\n",
        b"\xff\xfe\xfd / HTTP/1.1\r\n\r\n",
    ],
    ids=lambda raw: repr(raw[-40:]),
)
def test_request_that_two_readers_would_read_differently_is_refused(
    shared_sandbox: Sandbox, raw: bytes
) -> None:
    """Each is refused, and none is answered twice as if a second request had been hidden in it."""
    with _secure(shared_sandbox) as connection:
        connection.sendall(raw)
        connection.settimeout(2)
        parts = []
        try:
            while part := connection.recv(65536):
                parts.append(part)
        except (TimeoutError, ConnectionError, ssl.SSLError):
            pass  # answered and kept open for another request, or cut
    statuses = _statuses(b"".join(parts))
    assert len(statuses) <= 1, parts
    assert all(400 <= status < 500 for status in statuses), parts


def test_requests_in_a_row_are_answered_in_that_row(shared_sandbox: Sandbox) -> None:
    last = SOUND.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with _secure(shared_sandbox) as connection:
        connection.sendall(SOUND * 20 + last)
        assert _statuses(_all(connection)) == [401] * 21


@pytest.mark.parametrize("size_bytes", [20_000, 200_000, 2_000_000])
def test_head_of_any_length_is_refused_or_cut(shared_sandbox: Sandbox, size_bytes: int) -> None:
    head = b"GET / HTTP/1.1\r\nX-Long: " + b"a" * size_bytes + b"\r\nConnection: close\r\n\r\n"
    with _secure(shared_sandbox) as connection:
        try:
            connection.sendall(head)
            answer = _all(connection)
        except (ConnectionError, ssl.SSLError):  # cut while it was sent
            answer = b""
    assert all(400 <= status < 500 for status in _statuses(answer)), answer[:200]


def test_body_shorter_than_stated_changes_nothing(shared_sandbox: Sandbox) -> None:
    before = len(shared_sandbox.world.documents)
    for body in (b"", b"{", b'{"location":"westeurope"}'):
        with _secure(shared_sandbox) as connection:
            connection.sendall(_written(body, "Content-Length: 5000"))
    assert len(shared_sandbox.world.documents) == before


@pytest.mark.parametrize(("host", "limit_mib"), [(HOST, 4), ("login.microsoftonline.com", 1)])
def test_body_beyond_the_services_limit_is_refused_with_413(
    shared_sandbox: Sandbox, host: str, limit_mib: int
) -> None:
    size_bytes = limit_mib * 1024 * 1024 + 1
    head = f"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: {size_bytes}\r\n\r\n".encode()
    with _secure(shared_sandbox, host) as connection:
        connection.sendall(head + b"x" * size_bytes)
        assert _statuses(_all(connection)) == [413]


def test_body_said_to_be_compressed_is_not_taken_for_json(shared_sandbox: Sandbox) -> None:
    world = shared_sandbox.world
    token = world.identity.issue(world.identity.client, f"https://{HOST}")
    path = f"/subscriptions/{world.scenario.subscriptions[0]}/resourceGroups/squeezed?api-version=2021-04-01"
    head = (
        f"PUT {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\nContent-Encoding: gzip\r\n"
    )
    with _secure(shared_sandbox) as connection:
        connection.sendall(
            f"{head}Content-Length: 4\r\nConnection: close\r\n\r\n".encode() + b"\x1f\x8b\x08\x00"
        )
        assert _statuses(_all(connection)) == [400]


@pytest.mark.parametrize("size_bytes", [0, 1, 11, 12, 13, 40, 512, 9_000])
def test_name_server_sent_noise_answers_the_next_query(shared_sandbox: Sandbox, size_bytes: int) -> None:
    host, _, port = shared_sandbox.dns["internet"].partition(":")
    noise = random.Random(size_bytes)
    head = struct.pack(">HHHHHH", 4711, 0x0100, 1, 0, 0, 0)
    query = head + b"\x0amanagement\x05azure\x03com\x00\x00\x01\x00\x01"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for _ in range(50):
            client.sendto(noise.randbytes(size_bytes), (host, int(port)))
        for cut in range(len(query)):
            client.sendto(query[:cut], (host, int(port)))
        client.sendto(b"\0\1" + head[2:] + b"\xc0\x0c\x00\x01\x00\x01", (host, int(port)))  # a name in itself
        answer = _answer_to(client, query, (host, int(port)))
    assert answer[3] & 0x0F == 0


def _answer_to(client: socket.socket, query: bytes, server: tuple[str, int]) -> bytes:
    """The answer to a query, asked again as resolvers do: noise may have filled the server's buffer."""
    client.settimeout(1)
    for _ in range(_PATIENCE_S):
        while answer := _next(client):
            if answer[:2] == query[:2] and len(answer) > len(query):
                return answer
        client.sendto(query, server)
    raise AssertionError("the name server does not answer any more")


def _next(client: socket.socket) -> bytes:
    """The next packet; nothing when none comes."""
    try:
        return client.recv(4096)
    except TimeoutError:
        return b""


def test_every_socket_that_waits_for_somebody_is_on_loopback(shared_sandbox: Sandbox) -> None:
    """As the kernel has it: this process's TCP sockets that listen, and its UDP sockets, of both families."""
    if not Path("/proc/net/tcp").exists():
        pytest.skip("only Linux tells its sockets in /proc")
    own = set()
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # another thread closed it meanwhile
            own.add(str(link.readlink()))
    tables = ("tcp", "tcp6", "udp", "udp6")
    found = [address for name in tables for address, inode in _waiting(name) if f"socket:[{inode}]" in own]
    assert _port(shared_sandbox) in {int(address.rpartition(":")[2], 16) for address in found}
    assert {address.rpartition(":")[0] for address in found} == {"0100007F"}


def _waiting(name: str) -> list[tuple[str, str]]:
    """Local address and inode of the sockets in a table of /proc that are bound and not connected."""
    table, state = Path("/proc/net", name), "0A" if name.startswith("tcp") else "07"
    rows = [line.split() for line in table.read_text().splitlines()[1:]] if table.exists() else []
    return [(row[1], row[9]) for row in rows if row[3] == state]
