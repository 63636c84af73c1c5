"""
The two servers of each machine: its metadata service, and the AWS endpoints under their names.

Both listen on sockets inside the machine's network namespace, so the socket tells who asks.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from localcloud.cloud.metadata import MetadataService
from localcloud.cloud.permissions import allowed
from localcloud.cloud.view import Role

METADATA = ("169.254.169.254", 80)
ENDPOINTS = ("169.254.170.2", 443)
ARTIFACTS = "artifacts.localcloud.internal"
SERVICES = ("ssm", "ec2", "sts", "iam", "s3", "autoscaling", "elasticloadbalancing")
ANSWER_SECONDS = 60
BLOCK = 1 << 20


def names(region: str) -> tuple[str, ...]:
    """The host names a machine finds at the endpoints' address."""
    return (ARTIFACTS, *(f"{each}.{region}.amazonaws.com" for each in SERVICES))


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """The k3s a machine can download: one binary, under the version it has."""

    version: str
    path: Path

    def find(self, path: str) -> Path | None:
        """The file at `/k3s/<version>/<asset>`, if it is that version's."""
        parts = unquote(path).strip("/").split("/")
        known = parts[:2] == ["k3s", self.version] and parts[2:] in (["k3s"], ["k3s-arm64"])
        return self.path if known else None


class Server:
    """An HTTP server on a socket that listens already, in a thread of its own."""

    def __init__(self, listener: socket.socket, handler: type[BaseHTTPRequestHandler]) -> None:
        self._server = ThreadingHTTPServer(listener.getsockname(), handler, bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = listener
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stops serving and closes the socket."""
        self._server.shutdown()
        self._server.server_close()


class Quiet(BaseHTTPRequestHandler):
    """A handler that logs nothing: paths and bodies here name secrets."""

    protocol_version = "HTTP/1.1"
    timeout = ANSWER_SECONDS

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""

    def reply(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """One whole answer."""
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
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

    class Handler(Quiet):
        def setup(self) -> None:
            super().setup()
            # With 1 an answer does not survive the hop into a pod's network.
            self.connection.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, hop_limit())

        def _answer(self) -> None:
            self.body()
            lowered = {name.lower(): value for name, value in self.headers.items()}
            answer = service.answer(self.command, self.path, lowered)
            kind = {"Content-Type": "text/plain"}
            self.reply(answer.status, answer.body, {**kind, **answer.headers})

        do_GET = do_HEAD = do_PUT = do_POST = _answer

    return Handler


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """What the endpoints of one machine need to know."""

    api: tuple[str, int]
    account_id: str
    region: str
    role: Callable[[], Role | None]
    knows_key: Callable[[str], bool]
    artifact: Callable[[], Artifact]


def endpoints_handler(settings: Endpoints) -> type[BaseHTTPRequestHandler]:
    """The handler of one machine's AWS endpoints: the API with its role's rights, and downloads."""

    class Handler(Quiet):
        def _answer(self) -> None:
            body = self.body()
            host = (self.headers.get("Host") or "").split(":")[0]
            if host == ARTIFACTS:
                self._download()
                return
            refusal = _refusal(settings, dict(self.headers.items()), self.path, body)
            if refusal:
                kind = {"Content-Type": "application/x-amz-json-1.1"}
                self.reply(400, json.dumps(refusal).encode(), kind)
                return
            self._forward(body)

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
            self.reply(answer.status, content, kept)

        def _download(self) -> None:
            path = settings.artifact().find(urlsplit(self.path).path)
            if path is None:
                self.reply(404, b"no such artifact\n")
                return
            size = path.stat().st_size
            start = _range_start(self.headers.get("Range"))
            if start >= size:
                self.reply(416, b"", {"Content-Range": f"bytes */{size}"})
                return
            self.send_response(206 if start else 200)
            if start:
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


def _range_start(header: str | None) -> int:
    """The start of `bytes=<start>-`; other ranges are answered whole."""
    if header and header.startswith("bytes=") and header.endswith("-"):
        return int(header.removeprefix("bytes=")[:-1] or 0)
    return 0


def _refusal(
    settings: Endpoints, headers: Mapping[str, str], path: str, body: bytes
) -> dict[str, str] | None:
    """Why AWS would not do this for the machine's role, in SSM's form."""
    lowered = {name.lower(): value for name, value in headers.items()}
    key = lowered.get("authorization", "").partition("Credential=")[2].partition("/")[0]
    if not settings.knows_key(key):
        return {
            "__type": "UnrecognizedClientException",
            "message": "The security token included in the request is invalid.",
        }
    role = settings.role()
    action, resources = _asked(settings, lowered, path, body)
    for resource in resources:
        if role is None or not allowed(role.statements, action, resource):
            who = role.arn if role else "a machine without a role"
            return {
                "__type": "AccessDeniedException",
                "Message": f"User: {who} is not authorized to perform: {action} "
                f"on resource: {resource}",
            }
    return None


def _asked(
    settings: Endpoints, headers: Mapping[str, str], path: str, body: bytes
) -> tuple[str, list[str]]:
    """The action, and the resources by ARN where they can be told."""
    service = headers.get("host", "").split(".")[0]
    target = headers.get("x-amz-target", "")
    if target.startswith("AmazonSSM."):
        content = json.loads(body or b"{}")
        listed = content.get("Names") or [content.get("Name", "*")]
        home = f"arn:aws:ssm:{settings.region}:{settings.account_id}:parameter"
        parameters = [f"{home}/{name.lstrip('/')}" for name in listed]
        return f"ssm:{target.partition('.')[2]}", parameters
    if service == "s3":
        return f"s3:{headers.get('x-amz-target', 'GetObject')}", [f"arn:aws:s3:::{path.strip('/')}"]
    action = parse_qs(body.decode(errors="replace")).get("Action", ["Unknown"])[0]
    return f"{service}:{action}", ["*"]
