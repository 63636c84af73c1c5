"""
The two servers of each machine: its metadata service, and the AWS endpoints under their names.

Both listen on sockets inside the machine's network namespace, so the socket identifies the machine.
"""

from __future__ import annotations

import http.client
import logging
import re
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from localcloud.architectures import ASSETS
from localcloud.aws_api.server import shut_down
from localcloud.instance.authorization import Caller, Request, authorize
from localcloud.instance.metadata import MetadataService
from toolchain.host import Architecture

log = logging.getLogger("localcloud.services")

METADATA = ("169.254.169.254", 80)
ENDPOINTS = ("169.254.170.2", 443)
ARTIFACTS = "artifacts.localcloud.internal"
SERVICES = ("ssm", "ec2", "sts", "iam", "s3", "autoscaling", "elasticloadbalancing")
ANSWER_SECONDS = 60
FROM = re.compile(r"^bytes=(\d+)-$")
BLOCK = 1 << 20


def names(region: str, buckets: Iterable[str] = ()) -> tuple[str, ...]:
    """The host names a machine finds at the endpoints' address."""
    hosts = (*SERVICES, *(f"{bucket}.s3" for bucket in buckets))
    return (ARTIFACTS, *(f"{each}.{region}.amazonaws.com" for each in hosts))


def certified(region: str) -> tuple[str, ...]:
    """The names in the endpoints' certificate, with those no hosts file can list."""
    wild = (f"*.{region}.amazonaws.com", f"*.s3.{region}.amazonaws.com", "*.amazonaws.com")
    return (*names(region), *wild)


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """
    The k3s a machine can download: the file of each architecture, under its version.

    `emulated`: whether that of the other architecture is that architecture's code. `further` is a
    folder where other versions may be laid, as `<version>/<asset>`, while the cloud runs.
    """

    version: str
    files: Mapping[Architecture, Path]
    emulated: bool = False
    further: Path | None = None

    def find(self, path: str) -> Path | None:
        """The file at `/k3s/<version>/<asset>`, if it is that of a version."""
        parts = unquote(path).strip("/").split("/")
        if len(parts) != 3 or parts[0] != "k3s" or parts[2] not in ASSETS.values():
            return None
        if parts[1] == self.version:
            return next(self.files[name] for name, asset in ASSETS.items() if parts[2] == asset)
        if self.further is None or not parts[1].startswith("v"):
            return None
        other = self.further / parts[1] / parts[2]
        return other if other.is_file() else None


class QuietServer(ThreadingHTTPServer):
    """An HTTP server whose clients may break off without an entry in the log."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exception()
        if isinstance(error, ConnectionError | ssl.SSLError | TimeoutError):
            log.debug("a connection broke off: %s", error)
        else:
            # Without the values: a request may hold a secret.
            log.error("a request failed: %s", type(error).__name__)


class Server:
    """An HTTP server on a socket that listens already, in a thread of its own."""

    def __init__(self, listener: socket.socket, handler: type[BaseHTTPRequestHandler]) -> None:
        self._server = QuietServer(listener.getsockname(), handler, bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = listener
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stops serving and closes the socket."""
        shut_down(self._server)


class SilentHandler(BaseHTTPRequestHandler):
    """A handler that logs nothing: paths and bodies here name secrets."""

    protocol_version = "HTTP/1.1"
    timeout = ANSWER_SECONDS

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""

    def reply(
        self,
        status: int,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        size: str | None = None,
    ) -> None:
        """One whole answer; `size` is the length that a HEAD request gets."""
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        length = size if self.command == "HEAD" and size else str(len(body))
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self) -> bytes:
        """The request's body."""
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))


def metadata_handler(
    service: MetadataService, hop_limit: Callable[[], int]
) -> type[BaseHTTPRequestHandler]:
    """The handler of one machine's metadata service."""

    class Handler(SilentHandler):
        def _answer(self) -> None:
            if self.command == "PUT":
                # EC2 limits the hops of answers to PUT only: with 1 a session's token
                # does not reach a pod (localcloud.machines.ingress ends it there). It stays so for
                # this connection, which may have to send the token again.
                self.connection.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, hop_limit())
            self.body()
            lowered = {name.lower(): value for name, value in self.headers.items()}
            answer = service.respond(self.command, self.path, lowered)
            kind = {"Content-Type": "text/plain"}
            self.reply(answer.status, answer.body, {**kind, **answer.headers})

        do_GET = do_HEAD = do_PUT = do_POST = _answer

    return Handler


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """What the endpoints of one machine need to know."""

    api: tuple[str, int]
    caller: Caller
    artifact: Callable[[], Artifact]


def endpoints_handler(settings: Endpoints) -> type[BaseHTTPRequestHandler]:
    """The handler of one machine's AWS endpoints: the API with its role's rights, and downloads."""

    class Handler(SilentHandler):
        def _answer(self) -> None:
            lowered = {name.lower(): value for name, value in self.headers.items()}
            request = Request(
                method=self.command, path=self.path, headers=lowered, body=self.body()
            )
            if request.host == ARTIFACTS:
                self._download()
                return
            denied = authorize(settings.caller, request)
            if denied:
                self.reply(denied.status, denied.body, {"Content-Type": denied.kind})
                return
            self._forward(request.body)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _answer

        def _forward(self, body: bytes) -> None:
            connection = http.client.HTTPConnection(*settings.api, timeout=ANSWER_SECONDS)
            try:
                headers = {k: v for k, v in self.headers.items() if k.lower() != "connection"}
                connection.request(self.command, self.path, body=body, headers=headers)
                answer = connection.getresponse()
                content = answer.read()
            finally:
                connection.close()
            dropped = {"content-length", "connection", "transfer-encoding"}
            kept = {k: v for k, v in answer.getheaders() if k.lower() not in dropped}
            self.reply(answer.status, content, kept, size=answer.getheader("Content-Length"))

        def _download(self) -> None:
            # Other forms of Range than `bytes=<start>-` are answered whole, as HTTP allows.
            path = settings.artifact().find(urlsplit(self.path).path)
            if path is None:
                self.reply(404, b"no such artifact\n")
                return
            size = path.stat().st_size
            ranged = FROM.match(self.headers.get("Range") or "")
            start = int(ranged.group(1)) if ranged else 0
            if start >= size:
                self.reply(416, b"", {"Content-Range": f"bytes */{size}"})
                return
            self.send_response(206 if ranged else 200)
            if ranged:
                self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(size - start))
            self.end_headers()
            if self.command == "HEAD":
                return
            with path.open("rb") as file:
                file.seek(start)
                while block := file.read(BLOCK):
                    self.wfile.write(block)

    return Handler


def secure(listener: socket.socket, context: ssl.SSLContext) -> socket.socket:
    """The listening socket with TLS; handshakes happen in the connection's own thread."""
    return context.wrap_socket(listener, server_side=True, do_handshake_on_connect=False)
