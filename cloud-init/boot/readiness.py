"""Whether a server to join, k3s on this machine, and its node are ready."""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from boot import files, k3s, systemd, tokens
from boot.http_client import TIMEOUT_SECONDS, fetch
from boot.machine import Machine
from boot.waiting import BootError, Retry

# A server whose tokens are being changed is not as fast as a new agent.
JOIN_SECONDS = 60
# For a question that is asked once, of a server that may not exist yet.
QUICK_SECONDS = 1
# How often k3s may end while it starts. A server that joins ends whenever another one is being
# promoted to a member of etcd, which takes each of them up to 15 s.
RESTARTS, RESTARTS_OF_JOINING = 3, 60


def wait_for_server(machine: Machine, member: str = "") -> None:
    """
    Chooses the first server that is ready and has the authority of the join token, and of whose
    etcd `member` is none.

    Asks more often than k3s would, and distinguishes a rejected token from no response.
    """
    urls = machine.node.server_urls
    what = f"no ready server at {', '.join(urls)}{member and f', the data of {member} is kept'}"
    chosen = machine.wait.until_one(urls, lambda url: require_server(machine, url, member), what)
    k3s.set_server(machine, chosen)


def is_any_ready(machine: Machine) -> bool:
    """Whether one of the other servers is ready, asked once."""
    for url in machine.node.server_urls:
        try:
            require_server(machine, url, seconds=QUICK_SECONDS)
        except Retry:
            continue
        return True
    return False


def require_server(
    machine: Machine, url: str, member: str = "", seconds: float = TIMEOUT_SECONDS
) -> None:
    """
    Raises Retry unless the server is ready and accepts the join token, BootError when it has
    another authority. A server joins only one that serves the API and has etcd without `member`.
    """
    ca_hash, _, login = tokens.read(machine)["token"][len("K10") :].partition("::")
    login = base64.b64encode(login.encode()).decode()
    machine.report.add_secret(login)
    # Nothing is sent to a server before its authority has the hash of the token.
    unverified = ssl._create_unverified_context()  # noqa: S323
    status, _, authority = fetch(f"{url}/cacerts", {}, unverified, seconds=seconds)
    if status != 200:
        raise Retry(f"the server {url} returned {status} for /cacerts")
    if hashlib.sha256(authority).hexdigest() != ca_hash:
        raise BootError(f"the server {url} has another authority than the join token names")
    ours = ssl.create_default_context(cadata=authority.decode())
    headers = {"Authorization": f"Basic {login}"}
    if machine.role == "server":
        # Without credentials, which k3s rejects once its API server has started.
        status, _, _ = fetch(f"{url}/readyz", {}, ours, seconds=seconds)
        if status not in (200, 401):
            raise Retry(f"the server {url} is not ready: {status}")
        # The members of etcd, of which a majority lives then; with SQLite the API server gets the
        # request, and rejects the token.
        status, _, members = fetch(f"{url}/db/info", headers, ours, seconds=seconds)
        if status != 200:
            raise Retry(f"the server {url} has no etcd, or refused the join token: {status}")
        if member and member.encode() in members:
            raise Retry(f"{member} is a member still: kubectl delete node")
        return
    status, _, _ = fetch(f"{url}/v1-k3s/readyz", headers, ours, seconds=seconds)
    if status in (401, 403):
        raise Retry(f"the server {url} refused the join token", JOIN_SECONDS)
    if status != 200:
        raise Retry(f"the server {url} is not ready: {status}")


def is_active(machine: Machine) -> bool:
    """Whether k3s runs; an agent does before systemd calls its unit active."""
    state = systemd.unit_state(machine, machine.k3s_unit)
    if state["ActiveState"] == "active" or machine.role == "server":
        return state["ActiveState"] == "active"
    try:
        require_ready(machine, state)
    except Retry:
        return False
    return True


def wait_for_node(machine: Machine) -> None:
    """Until the API reports the node Ready."""

    def attempt() -> None:
        require_ready(machine, require_start(machine))

    # Not faster: each machine of a large cluster asks the one server.
    wait_for_k3s(machine, attempt, f"node {machine.node_name} is not Ready", pause=0.5)


def wait_for_k3s(
    machine: Machine, attempt: Callable[[], Any], what: str, pause: float = 0.25
) -> None:
    """Waits like `Wait.until`; a failure also has a line of k3s's journal since its start."""
    try:
        machine.wait.until(attempt, what, pause=pause)
    except BootError as error:
        raise BootError(f"{error}; its journal: {_last_error(machine)}") from None


def require_start(machine: Machine) -> dict[str, str]:
    """The state of k3s's unit; raises BootError when k3s ends again and again."""
    state = systemd.unit_state(machine, machine.k3s_unit)
    joins = machine.role == "server" and k3s.server_of(machine) and not machine.k3s_has_run
    restarts = int(state["NRestarts"])
    if (
        joins
        and RESTARTS <= restarts < RESTARTS_OF_JOINING
        # Settings that differ from those of the other servers stay so until the provider has come.
        and "critical configuration" not in _last_error(machine)
    ):
        restarts = 0
    if state["ActiveState"] == "failed" or restarts >= RESTARTS:
        raise BootError(f"{machine.k3s_unit}.service does not start")
    return state


def _last_error(machine: Machine) -> str:
    """The line of k3s's journal since its start that says most."""
    since = machine.report.phase_starts["start-k3s"]
    return systemd.last_error(machine, machine.k3s_unit, since)


def require_ready(machine: Machine, state: Mapping[str, str]) -> None:
    """
    Raises Retry unless the kubelet reported Ready since k3s's process started; a Node stays Ready
    for a while when its kubelet is gone.
    """
    if state["MainPID"] == "0":
        # Between two restarts by systemd there is no start to compare with.
        raise Retry(f"{machine.k3s_unit}.service has no process")
    ready = _ready_condition(machine)
    if ready.get("status") != "True":
        raise Retry(ready.get("message", "its kubelet has reported nothing")[:300])
    clock = machine.environment.clock
    age = clock.monotonic() - int(state["ExecMainStartTimestampMonotonic"]) / 1e6
    reported = datetime.strptime(ready["lastHeartbeatTime"], "%Y-%m-%dT%H:%M:%S%z")
    # Reported in whole seconds.
    if reported.timestamp() < int(clock.time() - age):
        raise Retry("its kubelet has not reported since its start")


def _ready_condition(machine: Machine) -> dict[str, str]:
    """The condition Ready of this machine's Node, as far as it has one."""
    path, context = f"api/v1/nodes/{machine.node_name}", _kubelet_context(machine)
    body = _first_response(_api_urls(machine), path, context)
    conditions = json.loads(body)["status"].get("conditions", ())
    return next((each for each in conditions if each["type"] == "Ready"), {})


def _api_urls(machine: Machine) -> Sequence[str]:
    """Where the API is: on a server itself, on an agent the server it joined or another one."""
    if machine.role == "server":
        return (machine.environment.supervisor_url,)
    urls = [k3s.server_of(machine), *machine.node.server_urls]
    return [url for url in dict.fromkeys(urls) if url]


def _first_response(urls: Sequence[str], path: str, context: ssl.SSLContext) -> bytes:
    """The Node from the first of the servers that has the API; Retry where none does."""
    reasons = []
    for url in urls:
        try:
            status, _, body = fetch(f"{url}/{path}", {}, context)
        except Retry as reason:
            reasons.append(str(reason))
            continue
        if status == 200:
            return body
        if status == 404:
            raise Retry("its kubelet has not registered")
        reasons.append(f"the API at {url} returned {status}")
    raise Retry("; ".join(reasons))


def _kubelet_context(machine: Machine) -> ssl.SSLContext:
    """TLS with the kubelet's own certificate, which may read its Node."""
    folder = machine.server_data.parent / "agent"
    certificate, key = folder / "client-kubelet.crt", folder / "client-kubelet.key"
    try:
        context = ssl.create_default_context(cadata=files.read(folder / "server-ca.crt"))
        context.load_cert_chain(certificate, key)
    except (OSError, ValueError):
        raise Retry("k3s has no certificate for the kubelet yet") from None
    return context
