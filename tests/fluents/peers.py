"""Servers that misbehave, on real sockets, with and without TLS: one script a connection."""

import contextlib
import datetime
import ipaddress
import os
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

BODY = (
    b'{"id":"n-1","user_id":"u-1","number":"+14155550123","example_context":{},"inbound_agent":{"id":"a-1"}}'
)
HEAD = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n"


class Peer:
    """Listens on 127.0.0.1. SCRIPT gets each connection, and the peer itself for `read_request`."""

    def __init__(self, script: Callable[["Peer", socket.socket], None], *, tls: ssl.SSLContext | None = None):
        self.script, self.tls = script, tls
        self.connections = 0
        self.requests: list[bytes] = []
        self.ending = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            if self.ending.is_set():
                connection.close()
                return
            self.connections += 1
            threading.Thread(target=self.play, args=[connection], daemon=True).start()

    def play(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        with contextlib.suppress(OSError):
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            self.script(self, connection)
        connection.close()

    def read_request(self, connection: socket.socket) -> None:
        """A whole request, headers and body, which then counts as received."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65_536) or self.fail()
        head, _, body = data.partition(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        while lengths and len(body) < int(lengths[0].split(b":")[1]):
            body += connection.recv(65_536) or self.fail()
        self.requests.append(head + b"\r\n\r\n" + body)

    def fail(self) -> bytes:
        raise OSError("the client left")

    def drip(self, connection: socket.socket, data: bytes, interval: float) -> None:
        for position in range(len(data)):
            connection.sendall(data[position : position + 1])
            if self.ending.wait(interval):
                return

    def endless(self, connection: socket.socket, data: bytes) -> None:
        while not self.ending.is_set():
            connection.sendall(data)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()  # wakes `accept`
        self.listener.close()
        self.thread.join(5)


def plain(connection: socket.socket, data: bytes) -> None:
    """DATA past the TLS layer of CONNECTION, as a broken middlebox would send it."""
    os.write(connection.fileno(), data)
    time.sleep(0.1)


def reset(connection: socket.socket) -> None:
    time.sleep(0.1)  # what was sent is read before it is lost
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Authority:
    """A certificate authority of a test: `ca` is its file, `context` makes a server's context."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.key = folder, ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority of the tests")])
        self.certificate = self.sign(self.name, self.key, days=30, authority=True)
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def sign(self, name, key, *, days: int, authority: bool = False, address: str = "") -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        usage = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only",
             "decipher_only"), False,
        )  # fmt: skip
        usage |= {"digital_signature": True, "key_cert_sign": authority, "crl_sign": authority}
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        extensions = [
            (x509.BasicConstraints(ca=authority, path_length=None), True),
            (x509.KeyUsage(**usage), True),
            (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
            (issuer, False),
        ]
        if address:
            names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
            extensions.append((names, False))
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=60))
            .not_valid_after(now + datetime.timedelta(days=days))
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(self.key, hashes.SHA256())

    def context(self, *, address: str = "127.0.0.1", days: int = 30) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "peer")])
        certificate = self.sign(name, key, days=days, address=address)
        pem = self.folder / f"peer-{address}-{days}.pem"
        pem.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        return context
