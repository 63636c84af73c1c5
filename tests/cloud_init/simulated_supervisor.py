"""The supervisor and the API of a k3s server, as far as the boot program asks them."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime

from tests.cloud_init.loopback_server import Handler

SERVER_PASSWORD = "server-password-0123456789"


@dataclass
class Kubelet:
    """What the API reports of the machine's node."""

    ready: str = "True"
    message: str = "kubelet is posting ready status"
    registered: bool = True
    # In seconds since 1970; just now unless a test sets it.
    heartbeat: float | None = None


class Supervisor(Handler):
    """The part of a k3s server an agent asks before it joins, and what changes its token."""

    def do_PUT(self) -> None:
        # https://github.com/k3s-io/k3s/blob/main/pkg/server/handlers/token.go
        self.machine.sent_to_server.append((self.path, self.headers["Authorization"]))
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        login = base64.b64encode(f"server:{self.machine.server_password}".encode()).decode()
        if self.machine.rotation_statuses:
            self.respond(self.machine.rotation_statuses.pop(0), b"")
            return
        if self.path != "/v1-k3s/token" or self.headers["Authorization"] != f"Basic {login}":
            self.respond(401, b"")
            return
        self.machine.rotated_to.append(body["newToken"])
        noted = self.machine.root / "var/lib/rancher/k3s/server/token"
        noted.write_text(f"K10ab::server:{body['newToken']}\n")
        self.respond(200, b"")

    def do_GET(self) -> None:
        if self.path.startswith("/api"):
            self._api()
            return
        self.machine.sent_to_server.append((self.path, self.headers["Authorization"]))
        if self.path == "/cacerts":
            self.respond(200, self.machine.cacerts.encode())
        else:
            status = self._status()
            self.respond(status, self._members() if self.path == "/db/info" else b"ok")

    def _members(self) -> bytes:
        """As k3s lists etcd's members, which needs their majority (pkg/etcd of k3s)."""
        members = [{"ID": id_, "name": name} for id_, name in enumerate(self.machine.members, 1)]
        return json.dumps({"members": members}).encode()

    def _status(self) -> int:
        """k3s's own paths admit one role each; all others are the API server's."""
        kind, _, login = (self.headers["Authorization"] or "").partition(" ")
        user = base64.b64decode(login).decode().partition(":")[0] if kind == "Basic" else ""
        roles = {"/v1-k3s/readyz": "node", "/db/info": "server"}
        if self.path in roles and user != roles[self.path]:
            return 403
        etcd, ready = self.machine.etcd_statuses, self.machine.readiness
        statuses = etcd if self.path == "/db/info" else ready
        default = 200 if self.path in roles else 401
        return statuses.pop(0) if statuses else default

    def _api(self) -> None:
        """The Node of the kubelet whose certificate the client presents."""
        kubelet, name = self.machine.kubelet, self.path.removeprefix("/api/v1/nodes/")
        subject = self.connection.getpeercert().get("subject", ())
        if (("commonName", f"system:node:{name}"),) not in subject:
            self.respond(401, b"")
        elif not kubelet.registered:
            self.respond(404, b"")
        else:
            now = self.machine.clock.time() if kubelet.heartbeat is None else kubelet.heartbeat
            ready = {
                "type": "Ready",
                "status": kubelet.ready,
                "message": kubelet.message,
                "lastHeartbeatTime": f"{datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H:%M:%SZ}",
            }
            self.respond(200, json.dumps({"status": {"conditions": [ready]}}).encode())
