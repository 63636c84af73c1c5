"""
What reaches an address: run by a machine's own python3, or by the host's; standard library only.

    tcp ADDRESS CONTROL_ADDRESS CONTROL_PORT   which of all TCP ports answer
    hear                                       which datagrams arrive here, until its input ends
    send ADDRESS CONTROL_PORT                  a datagram to every UDP port, and an echo request
    echo ADDRESS                               an echo request alone
    impersonate PORT CERTIFICATE KEY CA        an HTTPS server that only writes down what it is sent

A control is something that responses: when it does not, the probe itself was too fast or too slow.
"""

from __future__ import annotations

import errno
import json
import resource
import select
import socket
import ssl
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PORTS = range(1, 1 << 16)
AT_ONCE = 15000
ANSWER_SECONDS = 0.8
CONTROL_EVERY = 500
# An ICMP echo request with its checksum.
ECHO = struct.pack("!BBHHH", 8, 0, 0xF7FE, 0, 1)


class Attempts:
    """Connections that are being made; `responses` says how each ended that did."""

    def __init__(self) -> None:
        self.responses: dict[tuple[str, int, int], str] = {}
        self._poll = select.epoll()
        self._open: dict[int, tuple[tuple[str, int, int], socket.socket]] = {}

    def begin(self, address: str, port: int, number: int = 0) -> None:
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        made.setblocking(False)
        # No farewell: what was accepted ends with a reset.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._open[made.fileno()] = (address, port, number), made
        self._poll.register(made, select.EPOLLOUT | select.EPOLLERR | select.EPOLLHUP)
        code = made.connect_ex((address, port))
        if code not in (0, errno.EINPROGRESS):
            self._end(made.fileno(), code)

    def take(self, seconds: float) -> None:
        """Takes responses until none came for so many seconds."""
        while found := self._poll.poll(seconds, 4096):
            for number, _ in found:
                code = self._open[number][1].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                self._end(number, code)

    def drop(self) -> None:
        """Gives up what has not answered."""
        for _, made in self._open.values():
            made.close()
        self._open.clear()
        self._poll.close()

    def _end(self, number: int, code: int) -> None:
        attempt, made = self._open.pop(number)
        made.close()
        # Whoever is asked too often accepts and ends it at once.
        names = {0: "accepted", errno.ECONNRESET: "accepted", errno.ECONNREFUSED: "reset"}
        self.responses[attempt] = names.get(code) or errno.errorcode.get(code, str(code))


def tcp(address: str, control: tuple[str, int]) -> dict[str, Any]:
    """The ports that answer, each with how; and how many controls were asked and answered."""
    highest = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest, highest))
    at_once = min(AT_ONCE, highest - 200)
    found: dict[int, str] = {}
    asked = answered = 0
    for first in range(PORTS.start, PORTS.stop, at_once):
        attempts, controls = Attempts(), 0
        for port in range(first, min(first + at_once, PORTS.stop)):
            if (port - first) % CONTROL_EVERY == 0:
                attempts.take(0.001)
                controls += 1
                attempts.begin(*control, number=controls)
            attempts.begin(address, port)
        attempts.begin(*control, number=controls + 1)
        attempts.take(ANSWER_SECONDS)
        attempts.drop()
        asked += controls + 1
        answered += sum(1 for _, _, number in attempts.responses if number)
        found |= {port: how for (_, port, number), how in attempts.responses.items() if not number}
    return {"found": found, "controls": [asked, answered]}


def hear() -> dict[str, Any]:
    """
    How many datagrams came to each UDP port, and how many echoes were asked for.

    A raw socket is given what passed the packet filter, whether a port is bound or not.
    """
    udp = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
    icmp = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    print("ready", flush=True)
    received: dict[str, dict[int, int]] = {}
    echoes: list[str] = []
    while True:
        readable, _, _ = select.select([udp, icmp, sys.stdin], [], [])
        if udp in readable:
            packet, (sender, _) = udp.recvfrom(65535)
            port = struct.unpack_from("!H", packet, (packet[0] & 15) * 4 + 2)[0]
            ports = received.setdefault(sender, {})
            ports[port] = ports.get(port, 0) + 1
        elif icmp in readable:
            packet, (sender, _) = icmp.recvfrom(65535)
            if packet[(packet[0] & 15) * 4] == ECHO[0]:
                echoes.append(sender)
        elif sys.stdin in readable:
            return {"udp": received, "echoes": echoes}


def send(address: str, control: int) -> dict[str, Any]:
    """Sends to every port, to the control's again and again; gives how often to that one."""
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    controls = 0
    for port in PORTS:
        sender.sendto(b"x", (address, port))
        if port % CONTROL_EVERY == 0:
            sender.sendto(b"x", (address, control))
            controls += 1
    echo(address)
    # Among all ports the control's was one too.
    return {"controls": controls + 1}


def echo(address: str) -> dict[str, Any]:
    """Asks for an echo, and leaves time for what was sent to arrive."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as asking:
        asking.sendto(ECHO, (address, 0))
    time.sleep(0.2)
    return {}


def impersonate(port: int, certificate: str, key: str, authority: str) -> dict[str, Any]:
    """Answers /cacerts with the authority, all else with 401; gives what it was sent."""
    content, seen = Path(authority).read_bytes(), []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            peer = self.connection.getpeercert(binary_form=True) if self.connection else None
            seen.append([self.command, self.path, dict(self.headers.items()), body, bool(peer)])
            answer = content if self.path == "/cacerts" else b""
            self.send_response(200 if answer else 401)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_PUT = do_GET  # noqa: N815 - http.server fixes the names

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("", port), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    # Whoever would show a certificate is asked for one.
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(authority)
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()
    return {"requests": seen}


def main(command: str, *words: str) -> None:
    """Does what it is told and says what it saw as JSON."""
    if command == "tcp":
        found = tcp(words[0], (words[1], int(words[2])))
    elif command == "send":
        found = send(words[0], int(words[1]))
    elif command == "echo":
        found = echo(words[0])
    elif command == "impersonate":
        found = impersonate(int(words[0]), *words[1:])
    else:
        found = hear()
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
