"""HTTP servers on loopback that respond for one machine."""

from __future__ import annotations

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.cloud_init.simulated_machine import SimulatedMachine


class Handler(BaseHTTPRequestHandler):
    """Responds for the machine that `serve` binds it to."""

    machine: SimulatedMachine

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged."""

    def respond(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response_only(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def serve(
    handler: type[Handler], machine: SimulatedMachine, context: ssl.SSLContext | None = None
) -> ThreadingHTTPServer:
    """A server on a free port of loopback; with `context` it speaks TLS."""
    bound = type(handler.__name__, (handler,), {"machine": machine})
    server = ThreadingHTTPServer(("127.0.0.1", 0), bound)
    server.daemon_threads = False
    if context is not None:
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    threading.Thread(target=server.serve_forever, args=(0.01,)).start()
    return server
