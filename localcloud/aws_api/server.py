"""The AWS API on loopback: moto, with checks before and hooks after each call."""

from __future__ import annotations

import io
import json
import os
import re
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from socketserver import TCPServer
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from localcloud.aws_api import public_images
from localcloud.aws_api.ec2_constraints import ApiError, Arguments
from localcloud.errors import LocalCloudError

# What never changes a machine; every other EC2 or IAM call wakes the reconciler.
READING = ("Describe", "Get", "List")
STATUS_PATH = "/local-cloud/status"
INTERRUPTION_PATH = "/local-cloud/interruption"
CALLER_PATH = "/local-cloud/caller"
# Credential=<key>/<date>/<region>/<service>/aws4_request
SCOPE = re.compile(r"Credential=[^/]+/\d{8}/([^/]+)/ec2/")
SIGNED = re.compile(r"Credential=([^/]+)/\d{8}/[^/]+/([^/]+)/")
# Keys of roles, which are the machines'; an operator here has invented ones.
TEMPORARY = "ASIA"

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """`check` runs before each call of moto that is not a read, `on_change` after it."""

    region: str
    check: Callable[[str, Arguments], ApiError | None]
    on_change: Callable[[str, Arguments], None]
    status: Callable[[], Mapping[str, Any]]
    interrupt: Callable[[str, float], Mapping[str, Any]]
    """Interrupts a spot instance after so many seconds. Raises LocalCloudError."""
    calls: set[str] = field(default_factory=set)
    """The calls of operators, such as `ec2:RunInstances`; without those of S3 and Route 53."""


def prepare(home: Path) -> None:
    """Sets what moto reads from the environment; before moto is imported for the first time."""
    amis = home / "amis.json"
    public_images.write_amis(amis)
    os.environ["MOTO_AMIS_PATH"] = str(amis)
    # AWS refuses unknown images and instance types; moto only with these settings.
    from moto import settings

    settings.ENABLE_AMI_VALIDATION = True
    settings.EC2_ENABLE_INSTANCE_TYPE_VALIDATION = True


class Api:
    """moto's server on 127.0.0.1."""

    def __init__(self, port: int, hooks: Hooks) -> None:
        from moto.moto_server.werkzeug_app import (
            DomainDispatcherApplication,
            MotoRequestHandler,
            create_backend_app,
        )
        from werkzeug.serving import make_server

        class SilentHandler(MotoRequestHandler):
            def log(self, type: str, message: str, *args: Any) -> None:
                """Nothing: a path or a body may name a secret."""

        moto = DomainDispatcherApplication(create_backend_app)
        try:
            self._server = make_server(
                "127.0.0.1",
                port,
                with_hooks(moto, hooks),
                threaded=True,
                request_handler=SilentHandler,
            )
        except (OSError, SystemExit) as error:
            raise LocalCloudError(port_in_use(port)) from error
        self._thread = threading.Thread(target=self._server.serve_forever, name="api", daemon=True)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return ("127.0.0.1", self._server.server_port)

    def run(self) -> None:
        """Starts answering."""
        self._thread.start()

    def end(self) -> None:
        """Stops answering."""
        shut_down(self._server)
        self._thread.join(timeout=10)


def shut_down(server: TCPServer) -> None:
    """Ends a server's loop at once and closes its socket."""
    # The loop looks for its end every half second, or when its socket has an event.
    server.socket.shutdown(socket.SHUT_RDWR)
    server.shutdown()
    server.server_close()


def port_in_use(port: int) -> str:
    """The message for a port that is in use."""
    return (
        f"port {port} on 127.0.0.1 is in use by another program\n"
        "    choose another with --port, or leave it out for a free one"
    )


def with_hooks(moto: Wsgi, hooks: Hooks) -> Wsgi:
    """moto with the listener around it, and the cloud's own pages."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO") == STATUS_PATH:
            content = json.dumps({**hooks.status(), "calls": sorted(hooks.calls)})
            return _plain(start_response, "200 OK", "application/json", content)
        if environ.get("PATH_INFO") == INTERRUPTION_PATH:
            return _interrupt(environ, start_response, hooks)
        if environ.get("PATH_INFO") == CALLER_PATH:
            return _plain(start_response, "200 OK", "text/plain", f"{environ['REMOTE_ADDR']}\n")
        arguments = _arguments(environ)
        action = arguments.get("Action", [""])[0]
        _record(hooks.calls, environ, action)
        if not action or action.startswith(READING):
            return moto(environ, start_response)
        scope = SCOPE.search(environ.get("HTTP_AUTHORIZATION") or "")
        elsewhere = scope is not None and scope.group(1) != hooks.region
        error = _elsewhere(action) if elsewhere else hooks.check(action, arguments)
        if error:
            return _plain(start_response, "400 Bad Request", "text/xml", _error(*error))
        parts = list(moto(environ, start_response))
        hooks.on_change(action, arguments)
        return parts

    return answer


def _interrupt(
    environ: dict[str, Any], start_response: Callable[..., Any], hooks: Hooks
) -> Iterable[bytes]:
    if environ["REQUEST_METHOD"] != "POST":
        return _plain(start_response, "405 Method Not Allowed", "text/plain", "")
    asked = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
    try:
        content = hooks.interrupt(str(asked["instanceId"]), float(asked["seconds"]))
    except LocalCloudError as error:
        return _plain(start_response, "400 Bad Request", "text/plain", str(error))
    return _plain(start_response, "200 OK", "application/json", json.dumps(content))


def _record(calls: set[str], environ: dict[str, Any], action: str) -> None:
    signed = SIGNED.search(environ.get("HTTP_AUTHORIZATION") or "")
    name = action or (environ.get("HTTP_X_AMZ_TARGET") or "").rpartition(".")[2]
    if signed and name and not signed[1].startswith(TEMPORARY):
        calls.add(f"{signed[2]}:{name}")


def _arguments(environ: dict[str, Any]) -> Arguments:
    """The arguments of a call in EC2's form; the body stays readable for moto."""
    if "x-www-form-urlencoded" not in (environ.get("CONTENT_TYPE") or ""):
        return {}
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return parse_qs(body.decode(errors="replace"))


def _elsewhere(action: str) -> ApiError | None:
    if action != "RunInstances":
        return None
    return "Unsupported", "The local cloud has machines in one region only: us-east-1."


def _error(code: str, message: str) -> str:
    return (
        f"<Response><Errors><Error><Code>{code}</Code><Message>{escape(message)}</Message>"
        "</Error></Errors><RequestID>local-cloud</RequestID></Response>"
    )


def _plain(
    start_response: Callable[..., Any], status: str, kind: str, content: str
) -> Iterable[bytes]:
    body = content.encode()
    start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [body]
