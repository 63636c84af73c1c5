"""
The rotation of the join tokens on a server, whose datastore has them too.

No first boot needs this module: the tokens of a new machine are those that the datastore has.
"""

from __future__ import annotations

import base64
import json
import ssl

from boot import files, readiness, systemd, tokens
from boot.http_client import fetch
from boot.machine import Machine
from boot.waiting import Retry

# k3s may reject a valid token while it starts.
REJECTION_SECONDS = 10


def prepare(machine: Machine, datastore_exists: bool) -> None:
    """
    Writes changed tokens to the datastore and to k3s's files, right before the restart.

    A failure in between leaves k3s running with other tokens than its files have.
    """
    if not tokens.are_recorded(machine):
        # k3s writes the token of its datastore there at once. A machine whose datastore comes from
        # the volume of the one before has none, and its secrets are those that the datastore has.
        in_datastore = files.read(machine.server_data / "token").strip()
        wanted, installed = tokens.read(machine)["token"], machine.path("etc/rancher/k3s/token")
        changed = in_datastore and tokens.password_of(in_datastore) != tokens.password_of(wanted)
        # Of several servers the first one stores it; the others start again with it.
        if datastore_exists and changed and not readiness.is_any_ready(machine):
            _rotate_server_token(machine, files.read(installed).strip())
        if datastore_exists and not readiness.is_active(machine):
            # Otherwise systemd may restart it meanwhile, with the files that are replaced here.
            systemd.systemctl(machine, "stop", machine.k3s_unit)
        # A run that was cut off after its start left passwords that the datastore does not have,
        # with which k3s would not start. It makes this file again.
        (machine.server_data / "cred/passwd").unlink(missing_ok=True)


def complete(machine: Machine, datastore_exists: bool) -> None:
    """Stores the tokens that k3s was started with in its datastore."""
    if datastore_exists and not tokens.are_recorded(machine):
        # After the start as well: it stores who may join, without which k3s cannot restart.
        _rotate_server_token(machine, tokens.read(machine)["token"])


def _rotate_server_token(machine: Machine, started_with: str) -> None:
    """
    Stores the server token, and who may join, in the datastore of a running server.

    k3s starts with no other server token than its datastore has, and no second time with another
    agent token; it accepts the password it was started with until it starts again.
    https://docs.k3s.io/cli/token#rotate, https://github.com/k3s-io/k3s/issues/8066
    """
    ours = ssl.create_default_context(cadata=files.read(machine.server_data / "tls/server-ca.crt"))
    url = f"{machine.environment.supervisor_url}/v1-k3s/token"
    body = json.dumps({"newToken": tokens.password_of(tokens.read(machine)["token"])}).encode()
    login = base64.b64encode(f"server:{tokens.password_of(started_with)}".encode()).decode()
    machine.report.add_secret(login)
    headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}

    def attempt() -> None:
        status, _, _ = fetch(url, headers, ours, body, "PUT")
        if status in (401, 403):
            raise Retry("k3s refused the token it was started with", REJECTION_SECONDS)
        if status != 200:
            limit = None if status >= 500 else REJECTION_SECONDS
            raise Retry(f"k3s returned {status} for the server token", limit)

    machine.wait.until(attempt, "k3s did not store the server token")
