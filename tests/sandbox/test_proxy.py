import json
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from vnetferry.sandbox.server import Sandbox

GROUPS = "https://management.azure.com/subscriptions/{0}/resourceGroups?api-version=2021-04-01"


@pytest.fixture
def inside(shared_sandbox: Sandbox, enter_sandbox: Callable[..., Sandbox]) -> Sandbox:
    return enter_sandbox(shared_sandbox)


def _port(sandbox: Sandbox) -> int:
    return urlsplit(sandbox.vantages["internet"]).port or 0


def _talk(sandbox: Sandbox, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", _port(sandbox)), timeout=30) as connection:
        connection.sendall(request)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
        return b"".join(parts)


@pytest.mark.parametrize(
    "host",
    [
        "example.com:443",
        "github.com:443",
        "blob.core.windows.net.example.com:443",
        "x.y.blob.core.windows.net:443",
    ],
)
def test_proxy_asked_for_a_host_that_is_not_azures_refuses_with_a_sentence(
    inside: Sandbox, host: str
) -> None:
    answer = _talk(inside, f"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()).decode()
    head, _, body = answer.partition("\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 403 The vnetferry sandbox refuses {host}")
    assert "stands in for Azure's public hosts" in body
    assert "NO_PROXY" in body


def test_client_refused_by_the_proxy_is_told_why(inside: Sandbox) -> None:
    with pytest.raises(requests.exceptions.ProxyError, match=r"refuses example\.com:443"):
        requests.get("https://example.com/", timeout=30)


def test_proxy_asked_for_another_port_refuses(inside: Sandbox) -> None:
    answer = _talk(inside, b"CONNECT management.azure.com:8443 HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"port 443 only" in answer


def test_proxy_asked_for_plain_http_refuses_even_azures_hosts(inside: Sandbox) -> None:
    answer = requests.get("http://management.azure.com/subscriptions?sig=SECRET", timeout=30)
    assert answer.status_code == 403
    assert "over TLS alone" in answer.text
    assert "SECRET" not in answer.text


def test_proxy_opened_as_a_web_page_says_what_it_is(inside: Sandbox) -> None:
    assert b"set HTTPS_PROXY to this address" in _talk(inside, b"GET / HTTP/1.1\r\n\r\n")


def test_proxy_sent_an_endless_head_gives_up(inside: Sandbox) -> None:
    assert _talk(inside, b"CONNECT " + b"a" * 20_000).startswith(b"HTTP/1.1 431 ")


def test_client_that_does_not_trust_the_ca_refuses_the_sandbox(inside: Sandbox) -> None:
    with socket.create_connection(("127.0.0.1", _port(inside)), timeout=30) as connection:
        connection.sendall(b"CONNECT management.azure.com:443 HTTP/1.1\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
        with pytest.raises(ssl.SSLCertVerificationError):
            ssl.create_default_context(cafile=None, cadata=_other_ca(inside)).wrap_socket(
                connection, server_hostname="management.azure.com"
            )


def _other_ca(sandbox: Sandbox) -> str:
    """The PEM of a CA that signed nothing here."""
    from vnetferry.sandbox.ca import CertificateAuthority

    return CertificateAuthority(sandbox.world.folder / "other").bundle.read_text()


def test_strict_verification_accepts_the_sandboxs_certificates(inside: Sandbox) -> None:
    context = ssl.create_default_context(cafile=str(inside.world.ca_file))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    with socket.create_connection(("127.0.0.1", _port(inside)), timeout=30) as connection:
        connection.sendall(b"CONNECT westeurope.api.azureml.ms:443 HTTP/1.1\r\n\r\n")
        connection.recv(4096)
        with context.wrap_socket(connection, server_hostname="westeurope.api.azureml.ms") as secure:
            names = secure.getpeercert() or {}
    assert names["subjectAltName"] == (("DNS", "*.api.azureml.ms"),)


def test_keys_of_the_ca_are_private_to_the_user(inside: Sandbox) -> None:
    folder = inside.world.folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = [file for file in Path(folder, "ca").iterdir() if file.is_file()]
    assert files
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_sandbox_listens_on_127_0_0_1_alone(inside: Sandbox) -> None:
    # A socket bound to every address would take this one too.
    with pytest.raises(OSError, match=r"refused|unreachable|assign|timed out"):
        socket.create_connection(("127.0.0.2", _port(inside)), timeout=5)


def test_host_of_azure_that_is_not_served_says_so(inside: Sandbox) -> None:
    answer = requests.get("https://ml.azure.com/home", timeout=30)
    assert answer.status_code == 501
    assert answer.json()["error"]["code"] == "NotImplemented"
    assert "ml.azure.com" in answer.json()["error"]["message"]


def test_connection_is_kept_for_many_requests(inside: Sandbox) -> None:
    with requests.Session() as session:
        url = GROUPS.format(inside.world.scenario.subscriptions[0])
        answers = [session.get(url, timeout=30) for _ in range(20)]
        pool = session.get_adapter(url).proxy_manager[inside.vantages["internet"]].pools
        opened = [pool[key].num_connections for key in pool.keys()]  # noqa: SIM118 - urllib3's container has no iterator
    assert {answer.status_code for answer in answers} == {401}
    assert opened == [1]


def test_bare_server_of_the_benchmark_answers_as_many_bytes_as_are_asked_for() -> None:
    """It is made of the proxy's parts, and nothing else tells when these no longer fit."""
    file = Path(__file__).parents[2] / "bench" / "large" / "bare.py"
    command = [sys.executable, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        inside = json.loads(process.stdout.readline())
        answer = requests.get(
            "https://management.azure.com/",
            proxies={"https": inside["HTTPS_PROXY"]},
            verify=inside["SSL_CERT_FILE"],
            headers={"x-bytes": "123"},
            timeout=30,
        )
        process.stdin.close()
    assert (answer.status_code, answer.content) == (200, b" " * 123)
