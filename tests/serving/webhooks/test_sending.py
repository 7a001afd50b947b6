"""Where webhooks may go: public addresses only, whatever a name says, and the connection goes to what was checked."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from support.webhooks import Receiver

from features.errors import InputError
from serving.webhooks.delivery import sending
from serving.webhooks.delivery.sending import ANSWER_BYTES, Sender
from serving.webhooks.destinations import checked_url, is_public

PRIVATE = (
    "127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
    "255.255.255.255", "224.0.0.1", "240.0.0.1", "192.0.2.1", "198.18.0.1", "192.0.0.9", "192.88.99.1", "::1", "::",
    "fe80::1", "fe80::1%eth0", "fc00::1", "fd00::1", "fec0::1", "ff02::1", "ff0e::1", "2001:db8::1", "::ffff:10.0.0.1",
    "::ffff:127.0.0.1", "::10.0.0.1", "64:ff9b::a00:1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:a00:1::1",
    "2002:7f00:1::", "2001:0:a00:1::1", "5f00::1", "100::1", "3fff::1", "3fff:fff::1",
)  # fmt: skip
PUBLIC = ("8.8.8.8", "1.1.1.1", "2606:4700::1111", "3fff:1000::1", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::808:808")
NAME = "hooks.example"


def at(*addresses: str) -> Any:
    return lambda host, port: list(addresses)


def port_of(receiver: Receiver) -> int:
    return int(receiver.url.rsplit(":", 1)[1].partition("/")[0])


@pytest.mark.parametrize("address", PRIVATE)
def test_not_in_the_internet(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_in_the_internet(address: str) -> None:
    assert is_public(address)


@given(st.sampled_from(["10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "192.168.0.0/16"]), st.integers(0, 2**16 - 1))
def test_however_a_private_address_is_written_in_ipv6(block: str, place: int) -> None:
    inner = IPv4Address(int(IPv4Network(block)[place]))
    number = int(inner)
    for outer in (0xFFFF << 32 | number, number, 0x64FF9B << 96 | number, 0x2002 << 112 | number << 80):
        assert not is_public(str(IPv6Address(outer)))


@pytest.mark.parametrize("addresses", [("127.0.0.1",), ("::1", "127.0.0.1"), ()])
def test_a_name_that_leads_to_a_private_address_is_refused(receiver: Receiver, addresses: tuple[str, ...]) -> None:
    sender = Sender(5.0, private=False, resolver=at(*addresses))
    answer = sender.post(f"http://{NAME}:{port_of(receiver)}/", {}, b"{}")
    assert answer.status is None and answer.error is not None and "is not in the internet" in answer.error
    assert answer.trouble and receiver.received == []


def test_a_name_that_points_elsewhere_the_next_moment(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is looked up once, and the connection goes to the address that was checked, not to the name again."""
    looked_up: list[str] = []
    connected: list[tuple[str, int]] = []

    def rebinding(host: str, port: int) -> list[str]:
        looked_up.append(host)
        return ["8.8.8.8"] if len(looked_up) == 1 else ["127.0.0.1"]

    def connect(address: tuple[str, int], *_: Any, **__: Any) -> Any:
        connected.append(address)
        raise OSError("no internet here")

    monkeypatch.setattr(socket, "create_connection", connect)
    answer = Sender(5.0, private=False, resolver=rebinding).post(f"http://{NAME}:{port_of(receiver)}/", {}, b"{}")
    assert looked_up == [NAME] and connected == [("8.8.8.8", port_of(receiver))]
    assert answer.error == "ConnectError: no internet here" and receiver.received == []


def test_only_what_is_public_among_a_names_addresses_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    connected: list[str] = []

    def connect(address: tuple[str, int], *_: Any, **__: Any) -> Any:
        connected.append(address[0])
        raise TimeoutError("slow")

    monkeypatch.setattr(socket, "create_connection", connect)
    found = at("10.0.0.1", "8.8.8.8", "::1", "2606:4700::1111")
    assert Sender(5.0, private=False, resolver=found).post(f"https://{NAME}/", {}, b"{}").status is None
    assert connected == ["8.8.8.8", "2606:4700::1111"]


def test_private_addresses_by_leave(receiver: Receiver) -> None:
    sender = Sender(5.0, private=True, resolver=at("127.0.0.1"))
    answer = sender.post(f"http://{NAME}:{port_of(receiver)}/a?b=c", {"webhook-id": "evt_1"}, b'{"a":1}')
    (request,) = receiver.received
    assert answer.taken and request.body == b'{"a":1}' and request.path == "/a?b=c"
    assert request.headers["host"] == f"{NAME}:{port_of(receiver)}" and request.id == "evt_1"


def test_the_next_address_is_tried(receiver: Receiver) -> None:
    """Nobody listens at the first."""
    sender = Sender(5.0, private=True, resolver=at("127.0.0.9", "127.0.0.1"))
    assert sender.post(f"http://{NAME}:{port_of(receiver)}/", {}, b"{}").taken


@pytest.mark.parametrize("status", [301, 303, 307, 308])
def test_a_redirect_is_not_followed(receiver: Receiver, status: int) -> None:
    receiver.answers(status, Location=f"{receiver.url}/elsewhere")
    answer = Sender(5.0, private=True).post(receiver.url, {}, b"{}")
    assert answer.status == status and not answer.taken and len(receiver.received) == 1


def test_a_proxy_of_the_environment_is_not_asked(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert Sender(5.0, private=True).post(receiver.url, {}, b"{}").taken


@contextmanager
def speaking(*parts: bytes) -> Iterator[tuple[str, Event]]:
    """Run a server that answers with some bytes and then keeps the connection open until it is told to end."""
    done = Event()
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                for part in parts:
                    connection.sendall(part)
                done.wait()

        thread = Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/", done
        finally:
            done.set()
            thread.join()


def test_a_receiver_that_never_ends_its_answer() -> None:
    with speaking(b"HTTP/1.1 20") as (url, _):
        answer = Sender(0.2, private=True).post(url, {}, b"{}")
    assert answer.status is None and answer.error is not None and answer.error.startswith("ReadTimeout")


def test_time_is_counted_from_the_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who sends a little now and then does not get more of it, in the clear and under TLS."""

    class Slow(httpcore.NetworkStream):
        def __init__(self) -> None:
            self.left: list[float | None] = []

        def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
            self.left.append(timeout)
            return b"x"

        def start_tls(self, *_: Any, **__: Any) -> httpcore.NetworkStream:
            return self

    slow, clock = Slow(), iter([1.0, 9.5, 9.75, 10.0])
    monkeypatch.setattr(sending, "monotonic", lambda: next(clock))
    timed = sending._Timed(slow, deadline=10.0)
    timed.read(1, timeout=60.0)
    under_tls = timed.start_tls(ssl.create_default_context())
    under_tls.read(1)
    with pytest.raises(httpcore.ReadTimeout, match="took too long"):
        under_tls.read(1)
    assert slow.left == [9.0, 0.25]


def test_little_of_an_answer_is_read() -> None:
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 5000
    with speaking(endless) as (url, _):
        answer = Sender(5.0, private=True).post(url, {}, b"{}")
    assert answer.taken and answer.text == "x" * ANSWER_BYTES


@pytest.mark.parametrize("junk", [b"SSH-2.0-OpenSSH\r\n\r\n", b"\x16\x03\x01\x00", b"HTTP/1.1 abc\r\n\r\n"])
def test_who_speaks_no_http_has_not_answered(junk: bytes) -> None:
    with speaking(junk) as (url, done):
        done.set()
        assert Sender(5.0, private=True).post(url, {}, b"{}").status is None


def test_a_name_that_can_be_none() -> None:
    assert Sender(5.0, private=True).post(f"http://{'a' * 64}.example/", {}, b"{}").status is None


@pytest.mark.parametrize(
    ("url", "says"),
    [
        (
            "http://crm.example/",
            "http://crm.example must be https, .* CHURN_RISK_WEBHOOK_PRIVATE=true here and for",
        ),
        ("ftp://crm.example/", "must be https://HOST/PATH"),
        ("crm.example", "must be https://HOST/PATH"),
        ("https:///path", "must be https://HOST/PATH"),
        ("https://user:word@crm.example/", "no name, password"),
        ("https://crm.example/#part", "no name, password"),
        ("https://crm.example:0/", "0 is no port"),
        ("https://127.0.0.1/", "127.0.0.1 is not in the internet"),
        ("https://[::1]/", "::1 is not in the internet"),
        ("https://169.254.169.254/latest", "is not in the internet"),
        ("https://crm.example/" + "a" * 2048, "at most 2,048 characters"),
        ("https://crm.example/\x00", "is no address"),
    ],
)
def test_an_address_that_is_none(url: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        checked_url(url, private=False)


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://crm.example", "https://crm.example/"),
        ("HTTPS://CRM.example:443/A?b=%2F", "https://crm.example/A?b=%2F"),
        ("https://müller.example/ä b", "https://xn--mller-kva.example/%C3%A4%20b"),
        ("https://8.8.8.8:8443/", "https://8.8.8.8:8443/"),
    ],
)
def test_an_address_as_it_is_sent(url: str, sent: str) -> None:
    assert checked_url(url, private=False) == sent


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/", "https://10.0.0.1/", "http://crm.internal/"])
def test_a_private_address_by_leave(url: str) -> None:
    assert checked_url(url, private=True) == url


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with a key and a certificate for `NAME` that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(secret + made.public_bytes(Encoding.PEM))
    return path


@contextmanager
def receiving_tls(certificate: Path) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    class Server(HTTPServer):
        def handle_error(self, *_: Any) -> None:
            """Say nothing of callers who do not like the certificate."""

    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(certificate)
    with Server(("127.0.0.1", 0), Handler) as server:
        server.socket = own.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()


def test_tls_is_held_against_the_name_though_the_address_is_spoken_to(certificate: Path) -> None:
    trusted = ssl.create_default_context(cafile=str(certificate))
    sender = Sender(5.0, private=True, resolver=at("127.0.0.1"), trusted=trusted)
    strict = Sender(5.0, private=True, resolver=at("127.0.0.1"))
    with receiving_tls(certificate) as port:
        assert sender.post(f"https://{NAME}:{port}/", {}, b"{}").status == 204
        other = sender.post(f"https://other.example:{port}/", {}, b"{}")
        unknown = strict.post(f"https://{NAME}:{port}/", {}, b"{}")
    assert other.status is None and "Hostname mismatch" in str(other.error)
    assert unknown.status is None and "self-signed certificate" in str(unknown.error)


def test_the_systems_authorities_are_trusted_and_no_librarys(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_asked() -> str:
        raise AssertionError("certifi was asked")

    monkeypatch.setattr("certifi.where", not_asked)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with receiving_tls(certificate) as port:
        sender = Sender(5.0, private=True, resolver=at("127.0.0.1"))
        assert sender.post(f"https://{NAME}:{port}/", {}, b"{}").status == 204
