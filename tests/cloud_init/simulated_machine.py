"""
The environment of the boot program on a machine, on loopback and in a temporary folder.

The metadata service, SSM, download servers and the server's supervisor respond on real sockets;
systemd and the clock are simulated. Each has the faults that a test may need.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from boot.__main__ import main
from boot.environment import Environment
from tests.cloud_init import simulated_volume
from tests.cloud_init.authority import Authority
from tests.cloud_init.simulated_volume import SimulatedVolume

REGION = "eu-central-1"
INSTANCE = "i-0123456789abcdef0"
ACCESS_KEY = "ASIAEXAMPLE"
SECRET_KEY = "secret-key-of-the-role"
SESSION_TOKEN = "session-token-of-the-role"
K3S = b"\x7fELF k3s " * 100_000
HOST_KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nhost-key-body\n-----END OPENSSH PRIVATE KEY-----\n"
SERVER_PASSWORD = "server-password-0123456789"
AGENT_PASSWORD = "agent-password-0123456789"
LOGIN_KEY = "ssh-ed25519 AAAAlogin demo\n"


def mode(path: Path) -> int:
    """The permission bits of a file."""
    return path.stat().st_mode & 0o777


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.wall_offset = datetime(2026, 11, 24, 3, tzinfo=UTC).timestamp() - self.now

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now + self.wall_offset

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Systemd:
    """The commands of a machine, as far as the boot program uses them."""

    ssh_units: tuple[str, ...] = ("ssh.service",)
    # How often a server's unit is activating before it is active; an agent's stays activating.
    activating_polls: int = 2
    starts: bool = True
    # k3s ends some time after its start, and systemd starts it again.
    falls_over: bool = False
    # How often k3s ends after its start before it is active.
    ends_at_start: int = 0
    # Whether k3s's unit, or a drop-in of it, is another than the one that systemd has read.
    needs_reload: bool = False
    # Whether it has ended, and its next start is still to come.
    between_starts: bool = False
    monotonic: Callable[[], float] = lambda: 0.0
    journal: list[str] = field(default_factory=list)
    commands: list[list[str]] = field(default_factory=list)
    active: set[str] = field(default_factory=set)
    on_k3s_start: Callable[[], None] = lambda: None
    # What other programs return for their arguments, by name.
    programs: dict[str, Callable[[Sequence[str]], tuple[int, str]]] = field(default_factory=dict)
    # What `sshd -T` prints.
    sshd_config: Callable[[], str] = str
    # How often systemd started k3s by itself; another start does not end the count.
    counted: int = 0
    # The units that a restart of the machine starts.
    enabled: set[str] = field(default_factory=set)
    # What `k3s --version` prints, by the content of the binary.
    versions: dict[bytes, str] = field(default_factory=dict)
    # The process of k3s, and when it started.
    process: int = 0
    process_started: float = 0.0
    # The data volume of a server that has one.
    volume: SimulatedVolume | None = None
    _polls: int = 0

    def run(self, words: Sequence[str]) -> tuple[int, str]:
        self.commands.append(list(words))
        if words[:2] == ["systemctl", "stop"] and words[-1] == simulated_volume.MOUNT:
            # What requires it is stopped with it.
            self.active.discard("k3s")
            self.process = 0
        if self.volume and (result := self.volume.run(words)) is not None:
            return result
        if words[0] == "ssh-keygen":
            is_key = "PRIVATE KEY" in Path(words[-1]).read_text()
            return (0, "ssh-ed25519 AAAA\n") if is_key else (255, "")
        if Path(words[0]).name in self.programs:
            return self.programs[Path(words[0]).name](words[1:])
        if words[0] == "systemctl":
            return 0, self._systemctl(words)
        if words[1:] == ["--version"] and not Path(words[0]).exists():
            # As `run_command` returns it.
            return 126, f"[Errno 2] No such file or directory: '{words[0]}'"
        return 0, self._print(words)

    def _systemctl(self, words: Sequence[str]) -> str:
        if words[1] == "show":
            return self._show(words[-1])
        if words[1] == "enable":
            self.enabled.add(words[-1])
        if words[1] == "disable":
            self.enabled.discard(words[-1])
        if words[1] == "reset-failed" and words[-1].startswith("k3s"):
            self.counted = 0
        if words[1] == "daemon-reload":
            self.needs_reload = False
        if words[1] == "stop":
            self.active.discard(words[-1])
            self.process = 0
        if words[1] == "restart" and words[-1] in ("k3s", "k3s-agent"):
            self._polls = 0
            self.active.discard(words[-1])
            self.process = self.restarts(words[-1])
            self.process_started = self.monotonic()
            self.counted += self.ends_at_start
            self.on_k3s_start()
        return ""

    def _print(self, words: Sequence[str]) -> str:
        if words[0] == "journalctl":
            return "\n".join(self.journal)
        if words[0].endswith("/sshd"):
            return self.sshd_config()
        if words[1:] != ["--version"]:
            return ""
        version = self.versions.get(Path(words[0]).read_bytes(), "v1.36.4+k3s1")
        return f"k3s version {version} (0ffd67db)\ngo version go1.26.1\n"

    def all_restarts(self) -> list[list[str]]:
        return [words for words in self.commands if words[1:3] == ["restart", "--no-block"]]

    def restarts(self, unit: str) -> int:
        return sum(
            words[:2] == ["systemctl", "restart"] and words[-1] == unit for words in self.commands
        )

    def _show(self, unit: str) -> str:
        if unit.startswith("ssh"):
            return f"LoadState={'loaded' if unit in self.ssh_units else 'not-found'}\n"
        self._polls += 1
        if self.starts and self.process and self._polls > self.activating_polls and unit == "k3s":
            self.active.add(unit)
        state = "active" if unit in self.active else "activating"
        ends = self.falls_over or not self.starts
        # It is there for the first look after its start.
        runs = self.starts and not (self.between_starts and self._polls > 1)
        restarts = self.counted + self._polls if ends else self.counted
        return (
            f"LoadState=loaded\nActiveState={state}\nNRestarts={restarts}\n"
            f"MainPID={self.process if runs else 0}\n"
            f"NeedDaemonReload={'yes' if self.needs_reload else 'no'}\n"
            f"ExecMainStartTimestampMonotonic={self.process_started * 1e6 if runs else 0:.0f}\n"
        )


@dataclass
class Kubelet:
    """What the API reports of the machine's node."""

    ready: str = "True"
    message: str = "kubelet is posting ready status"
    registered: bool = True
    # In seconds since 1970; just now unless a test sets it.
    heartbeat: float | None = None


@dataclass
class Download:
    """A file of a download place and its faults; `cuts` are where connections break, one each."""

    content: bytes = K3S
    status: int | None = None
    cuts: list[int] = field(default_factory=list)
    resumable: bool = True
    # Of this many bytes one each second, without an end and without a length.
    drips: int = 0
    ranges: list[str | None] = field(default_factory=list)


class SimulatedMachine:
    """One machine and what it can reach."""

    def __init__(self, root: Path, authority: Authority) -> None:
        self.root, self.authority = root, authority
        self.clock, self.kubelet = Clock(), Kubelet()
        drop_in = root / "etc/ssh/sshd_config.d/10-k3s-aws.conf"
        self.systemd = Systemd(
            monotonic=self.clock.monotonic, sshd_config=lambda: drop_in.read_text().lower()
        )
        self.log_lines: list[str] = []
        self.free_bytes: Callable[[], int] = lambda: 1 << 40
        self.downloads = {"/good/k3s": Download()}
        self.objects: dict[str, bytes] = {}
        self.rejected_objects = 0
        self.role_delay = 0
        self.rejections: list[tuple[int, str]] = []
        self.aws_clock_ahead = 0.0
        self.readiness: list[int] = []
        # The statuses of the list of etcd's members before it is there; a server with SQLite has
        # none.
        self.etcd_statuses: list[int] = []
        self.cacerts = authority.certificate
        self.sent_to_server: list[tuple[str, str | None]] = []
        # k3s accepts the password it was started with until it starts again.
        self.server_password = SERVER_PASSWORD
        self.rotated_to: list[str] = []
        # The content of binaries with which k3s does not start.
        self.broken: set[bytes] = set()
        # The statuses that k3s returns for another token before it accepts it.
        self.rotation_statuses: list[int] = []
        self.systemd.on_k3s_start = self._start_k3s
        self.requested_parameters: list[list[str]] = []
        self.requested_metadata: list[str] = []
        ca_hash = hashlib.sha256(authority.certificate.encode()).hexdigest()
        self.server_token = f"K10{ca_hash}::server:{SERVER_PASSWORD}"
        self.agent_token = f"K10{ca_hash}::node:{AGENT_PASSWORD}"
        self.files = {
            "server-ca.crt": authority.certificate,
            "server-ca.key": authority.key,
            "client-ca.crt": authority.certificate,
            "client-ca.key": authority.key,
        }
        self.parameters = {
            "/demo/host-key": HOST_KEY,
            "/demo/authorized-keys": LOGIN_KEY,
            "/demo/server-token": self.server_token,
            "/demo/server-agent-token": AGENT_PASSWORD,
            "/demo/authority": json.dumps(self.files),
            "/demo/agent-token": self.agent_token,
        }
        self._servers = [self._serve(_Aws), self._serve(_Supervisor, authority)]
        aws, supervisor = (f"//127.0.0.1:{server.server_port}" for server in self._servers)
        self.url, self.server_url = f"http:{aws}", f"https:{supervisor}"

    def _serve(
        self, handler: type[_Handler], authority: Authority | None = None
    ) -> ThreadingHTTPServer:
        bound = type(handler.__name__, (handler,), {"machine": self})
        server = ThreadingHTTPServer(("127.0.0.1", 0), bound)
        server.daemon_threads = False
        if authority is not None:
            server.socket = authority.context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        return server

    def _start_k3s(self) -> None:
        if self.broken:
            binary = (self.root / "usr/local/bin/k3s").read_bytes()
            self.systemd.starts = binary not in self.broken
        token = self.root / "etc/rancher/k3s/token"
        self.server_password = token.read_text().strip().rsplit(":", 1)[-1]
        name = json.loads((self.root / "etc/rancher/k3s/config.yaml").read_text())["node-name"]
        agent = self.root / "var/lib/rancher/k3s/agent"
        agent.mkdir(parents=True, exist_ok=True)
        (agent / "server-ca.crt").write_text(self.authority.certificate)
        (agent / "client-kubelet.crt").write_text(self.authority.kubelet_certificate(name))
        (agent / "client-kubelet.key").write_text(self.authority.kubelet_key)

    def close(self) -> None:
        """Stops every server of the machine."""
        while self._servers:
            server = self._servers.pop()
            server.shutdown()
            server.server_close()

    def configure(self, role: str, **changes: Any) -> None:
        """
        Writes node.json as `cluster/` would; `changes` are of its top or of its pool part, and
        `mayCreateCluster` and `restore`.
        """
        may_create = changes.pop("mayCreateCluster", role == "server")
        restore = {"restore": changes.pop("restore")} if "restore" in changes else {}
        parameters = {"authorizedKeys": "/demo/authorized-keys", "token": f"/demo/{role}-token"}
        if role == "server":
            parameters["agentToken"] = "/demo/server-agent-token"
            parameters["authority"] = "/demo/authority"
        top = {"schema": 2, "deadlineSeconds": 300}
        pool = {
            "role": role,
            "nodeNamePrefix": f"demo-{role}s",
            "parameters": parameters,
            "k3s": {
                "version": "v1.36.4+k3s1",
                "sources": [f"{self.url}/good/k3s"],
                "sha256": hashlib.sha256(K3S).hexdigest(),
            },
            "labels": {},
            "taints": [],
            "config": {},
            "datastoreParameter": "/demo/datastore",
        }
        if role == "agent":
            pool["join"] = {"urls": [self.server_url]}
        content = {
            **{key: changes.pop(key, value) for key, value in top.items()},
            "pool": pool | changes,
            "own": {
                "privateIp": "10.64.0.10",
                "hostKeyParameter": "/demo/host-key",
                "mayCreateCluster": may_create,
                **restore,
            },
        }
        path = self.root / "etc/k3s-aws/node.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))

    def add_data_volume(self, gib: int = 10) -> SimulatedVolume:
        """Another volume, blank and attached, in node.json as `cluster/` has it."""
        path = self.root / "etc/k3s-aws/node.json"
        content = json.loads(path.read_text())
        content["own"] |= {"dataVolume": simulated_volume.ID, "dataVolumeGib": gib}
        path.write_text(json.dumps(content))
        if self.systemd.volume is None:
            self.systemd.volume = SimulatedVolume(self.root, gib=gib)
        self.systemd.volume.attach()
        return self.systemd.volume

    def boot(self) -> int:
        """Runs the boot program once, as a new process would."""
        return main(self.environment())

    def environment(self) -> Environment:
        """What the boot program runs in on this machine."""
        return Environment(
            root=self.root,
            metadata_url=self.url,
            ssm_url=self.url + "/",
            s3_url=self.url + "/{bucket}/",
            supervisor_url=self.server_url,
            run=self.systemd.run,
            # When its end is awaited, so that tests need no order of threads.
            start=lambda work: work,
            clock=self.clock,
            free_bytes=lambda _: self.free_bytes(),
            print_line=self.log_lines.append,
        )

    @property
    def report(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(
            (self.root / "var/lib/k3s-aws/report.json").read_text()
        )
        return content

    def phases(self) -> list[str]:
        """The names of the phases in the report."""
        return [phase["name"] for phase in self.report["phases"]]

    def secrets(self) -> dict[str, Any]:
        """The content of secrets.json."""
        path = self.root / "etc/k3s-aws/secrets.json"
        assert mode(path) == 0o600
        content: dict[str, Any] = json.loads(path.read_text())
        return content

    def change_secrets(self, **changes: str) -> None:
        """As the provider does."""
        path = self.root / "etc/k3s-aws/secrets.json"
        path.write_text(json.dumps({**self.secrets(), **changes}))
        path.chmod(0o600)

    def offer_k3s(self, content: bytes, version: str) -> dict[str, Any]:
        """Another k3s at the download place, as node.json has it."""
        self.downloads[f"/{version}/k3s"] = Download(content)
        self.systemd.versions[content] = version
        sha256 = hashlib.sha256(content).hexdigest()
        sources = [f"{self.url}/{version}/k3s"]
        return {"version": version, "sources": sources, "sha256": sha256}

    def create_datastore(self, password: str = SERVER_PASSWORD) -> None:
        """As k3s does when it runs first; it writes the datastore's token to a file."""
        data = self.root / "var/lib/rancher/k3s/server"
        (data / "db").mkdir(exist_ok=True)
        # SQLite takes an empty file for an empty database.
        (data / "db/state.db").touch()
        (data / "token").write_text(f"K10ab::server:{password}\n")

    def cause(self) -> tuple[str, str]:
        """The phase that failed and why, as the report has it."""
        error = self.report["error"]
        return error["phase"], error["cause"]


class _Handler(BaseHTTPRequestHandler):
    machine: SimulatedMachine

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged."""

    def respond(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response_only(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class _Aws(_Handler):
    """The metadata service, SSM and the download places."""

    def do_PUT(self) -> None:
        if not self.path.startswith("/the-bucket/"):
            self.respond(200, b"metadata-session-token")
            return
        body = self.rfile.read(int(self.headers["Content-Length"]))
        signed = ("Content-Type", "Content-Length", "X-Amz-Checksum-SHA256")
        digest = hashlib.sha256(body)
        checksum = base64.b64encode(digest.digest()).decode()
        if self._refused("PUT", *signed):
            return
        if self.headers["X-Amz-Content-SHA256"] != digest.hexdigest():
            self.respond(400, b"XAmzContentSHA256Mismatch")
        elif self.headers["X-Amz-Checksum-SHA256"] != checksum:
            self.respond(400, b"BadDigest")
        else:
            self.machine.objects[self.path] = body
            self.respond(200, b"")

    def do_GET(self) -> None:
        if self.path in self.machine.downloads:
            self._download(self.machine.downloads[self.path])
        elif self.path.startswith("/the-bucket/"):
            self._object()
        elif self.headers["X-aws-ec2-metadata-token"] != "metadata-session-token":
            self.respond(401, b"")
        else:
            self._metadata(self.path.removeprefix("/latest/meta-data/"))

    def _refused(self, method: str, *names: str) -> bool:
        """Whether S3 rejects the request, and has responded so."""
        signed = AWSRequest(method, f"http://{self.headers['Host']}{self.path}")
        # What Amazon requires of S3's requests, over what every signature covers.
        for name in ("Host", "X-Amz-Content-SHA256", *names):
            signed.headers[name] = self.headers[name]
        stamp = self.headers["X-Amz-Date"]
        if self.machine.rejected_objects > 0:
            self.machine.rejected_objects -= 1
            self.respond(403, b"")
            return True
        if self.headers["Authorization"] != botocore_signature(signed, "s3", stamp):
            self.respond(403, b"SignatureDoesNotMatch")
            return True
        return False

    def _object(self) -> None:
        if self._refused("GET"):
            return
        if self.path not in self.machine.objects:
            self.respond(404, b"NoSuchKey")
        else:
            self.respond(200, self.machine.objects[self.path])

    def _metadata(self, path: str) -> None:
        self.machine.requested_metadata.append(path)
        roles = "iam/security-credentials/"
        if path.startswith(roles) and self.machine.role_delay > 0:
            self.machine.role_delay -= 1
            self.respond(404, b"")
            return
        credentials = {
            "Code": "Success",
            "AccessKeyId": ACCESS_KEY,
            "SecretAccessKey": SECRET_KEY,
            "Token": SESSION_TOKEN,
        }
        values = {
            "instance-id": INSTANCE,
            "placement/region": REGION,
            "services/domain": "amazonaws.com",
            roles: "demo-role",
            f"{roles}demo-role": json.dumps(credentials),
        }
        self.respond(200 if path in values else 404, values.get(path, "").encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        now = self.machine.clock.time() + self.machine.aws_clock_ahead
        date = {"Date": format_datetime(datetime.fromtimestamp(now, UTC), usegmt=True)}
        if self.machine.rejections:
            status, kind = self.machine.rejections.pop(0)
            self.respond(status, json.dumps({"__type": kind, "message": "no"}).encode(), date)
        elif not self._is_signed(body, now):
            self.respond(400, b'{"__type": "InvalidSignatureException"}', date)
        else:
            asked = json.loads(body)
            self.machine.requested_parameters.append(asked["Names"])
            assert asked["WithDecryption"] is True
            found = [
                {"Name": name, "Value": self.machine.parameters[name]}
                for name in asked["Names"]
                if name in self.machine.parameters
            ]
            self.respond(200, json.dumps({"Parameters": found}).encode(), date)

    def _is_signed(self, body: bytes, now: float) -> bool:
        """Whether botocore, given the time of the request, signs it the same way."""
        stamp = self.headers["X-Amz-Date"]
        when = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if abs(when.timestamp() - now) > 300:
            return False
        request = AWSRequest("POST", f"{self.machine.url}/", data=body)
        for name in ("Content-Type", "X-Amz-Target"):
            request.headers[name] = self.headers[name]
        return botocore_signature(request, "ssm", stamp) == self.headers["Authorization"]

    def _download(self, file: Download) -> None:
        asked = self.headers["Range"]
        file.ranges.append(asked)
        if file.status is not None:
            self.respond(file.status, b"")
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and file.resumable else 0
        if asked and start >= len(file.content):
            self.respond(416, b"")
            return
        self.send_response_only(206 if start else 200)
        if file.drips:
            self.end_headers()
            self._drip(file.drips)
            return
        self.send_header("Content-Length", str(len(file.content) - start))
        self.end_headers()
        end = file.cuts.pop(0) if file.cuts else len(file.content)
        self.wfile.write(file.content[start:end])

    def _drip(self, size: int) -> None:
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(b"x" * size)
                self.machine.clock.sleep(1)
                # The client reads before the next second of the simulated clock.
                time.sleep(0.005)


class _Supervisor(_Handler):
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
            self.respond(self._status(), b"ok")

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


def botocore_signature(request: AWSRequest, service: str, stamp: str) -> str:
    """The Authorization header botocore makes for the request at a time."""
    auth = SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY, SESSION_TOKEN), service, REGION)
    request.context["timestamp"] = stamp
    request.headers["X-Amz-Date"] = stamp
    request.headers["X-Amz-Security-Token"] = SESSION_TOKEN
    text = auth.string_to_sign(request, auth.canonical_request(request))
    names = auth.signed_headers(auth.headers_to_sign(request))
    return (
        f"AWS4-HMAC-SHA256 Credential={auth.scope(request)}, SignedHeaders={names}, "
        f"Signature={auth.signature(text, request)}"
    )
