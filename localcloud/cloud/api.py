"""The AWS API on loopback: moto, with an ear on the calls that change machines."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from localcloud.cloud import catalogue
from localcloud.errors import LocalCloudError

# What never changes a machine; every other EC2 or IAM call wakes the reconciler.
READING = ("Describe", "Get", "List")

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Heard = Callable[[str, dict[str, list[str]]], None]


def prepare(home: Path) -> None:
    """Sets what moto reads from the environment; before moto is imported for the first time."""
    amis = home / "amis.json"
    catalogue.write_amis(amis)
    os.environ["MOTO_AMIS_PATH"] = str(amis)
    # AWS refuses unknown images and instance types; moto only when asked.
    os.environ["MOTO_ENABLE_AMI_VALIDATION"] = "true"
    os.environ["MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION"] = "true"


class Api:
    """moto's server on 127.0.0.1; `heard` learns of each call that may change a machine."""

    def __init__(self, port: int, heard: Heard) -> None:
        from moto.moto_server.werkzeug_app import (
            DomainDispatcherApplication,
            MotoRequestHandler,
            create_backend_app,
        )
        from werkzeug.serving import make_server

        class Quiet(MotoRequestHandler):
            def log(self, type: str, message: str, *args: Any) -> None:
                """Nothing: a path or a body may name a secret."""

        moto = DomainDispatcherApplication(create_backend_app)
        try:
            self._server = make_server(
                "127.0.0.1", port, listening(moto, heard), threaded=True, request_handler=Quiet
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
        self._server.shutdown()
        self._thread.join(timeout=10)


def port_in_use(port: int) -> str:
    """The message for a port somebody else has."""
    return (
        f"port {port} on 127.0.0.1 is in use by another program\n"
        "    choose another with --port, or leave it out for a free one"
    )


def listening(application: Wsgi, heard: Heard) -> Wsgi:
    """The application, telling `heard` the action and arguments of calls that are not reading."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        form = "x-www-form-urlencoded" in (environ.get("CONTENT_TYPE") or "")
        body = b""
        if environ.get("REQUEST_METHOD") == "POST" and form:
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = io.BytesIO(body)
        parts = list(application(environ, start_response))
        arguments = parse_qs(body.decode(errors="replace"))
        action = arguments.get("Action", [""])[0]
        if action and not action.startswith(READING):
            heard(action, arguments)
        return parts

    return answer
