"""k3s's join tokens: their files, and their rotation on a server."""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
from collections.abc import Mapping
from pathlib import Path

from boot import files, secrets
from boot.http_client import fetch
from boot.machine import Machine
from boot.waiting import Retry

# k3s may reject a valid token while it starts.
REJECTION_SECONDS = 10


def read(machine: Machine) -> Mapping[str, str]:
    """The tokens of this role by the names of their files; redacted, their passwords too."""
    found = secrets.load(machine)
    machine.report.add_secret(password_of(found["token"]))
    if machine.role == "agent":
        return {"token": found["token"]}
    return {"token": found["token"], "agent-token": found["agentToken"]}


def password_of(token: str) -> str:
    """The password of a join token in either form."""
    return token.rsplit(":", 1)[-1]


def install(machine: Machine) -> None:
    """Writes the tokens, unless a server's datastore must get them first."""
    if machine.role == "agent" or are_recorded(machine):
        write(machine)


def write(machine: Machine) -> None:
    for name, token in read(machine).items():
        files.write(_folder(machine) / name, token + "\n", 0o600)


def record(machine: Machine) -> None:
    """Records that k3s and its datastore have these tokens."""
    files.write(_hash_file(machine), _hash(machine), 0o600)


def are_recorded(machine: Machine) -> bool:
    """Whether k3s and its datastore have exactly these tokens."""
    return files.read(_hash_file(machine)) == _hash(machine)


def rotate_server_token(machine: Machine, started_with: str) -> None:
    """
    Stores the server token, and who may join, in the datastore of a running server.

    k3s starts with no other server token than its datastore has, and no second time with another
    agent token; it accepts the password it was started with until it starts again.
    https://docs.k3s.io/cli/token#rotate, https://github.com/k3s-io/k3s/issues/8066
    """
    ours = ssl.create_default_context(cadata=files.read(machine.server_data / "tls/server-ca.crt"))
    url = f"{machine.environment.supervisor_url}/v1-k3s/token"
    body = json.dumps({"newToken": password_of(read(machine)["token"])}).encode()
    login = base64.b64encode(f"server:{password_of(started_with)}".encode()).decode()
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


def _folder(machine: Machine) -> Path:
    return machine.path("etc/rancher/k3s")


def _hash_file(machine: Machine) -> Path:
    return machine.path("var/lib/k3s-aws/tokens")


def _hash(machine: Machine) -> str:
    return hashlib.sha256("\n".join(read(machine).values()).encode()).hexdigest()
