"""
The environment of the boot program on a machine, on loopback and in a temporary folder.

The metadata service, SSM, download servers and the server's supervisor respond on real sockets;
systemd and the clock are simulated. Each has the faults that a test may need.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from boot.__main__ import main
from boot.environment import Environment
from tests.cloud_init import simulated_volume
from tests.cloud_init.authority import Authority
from tests.cloud_init.loopback_server import serve
from tests.cloud_init.simulated_aws import K3S, Aws, Download
from tests.cloud_init.simulated_supervisor import SERVER_PASSWORD, Kubelet, Supervisor
from tests.cloud_init.simulated_systemd import Clock, Systemd
from tests.cloud_init.simulated_volume import SimulatedVolume

HOST_KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nhost-key-body\n-----END OPENSSH PRIVATE KEY-----\n"
AGENT_PASSWORD = "agent-password-0123456789"
LOGIN_KEY = "ssh-ed25519 AAAAlogin demo\n"


def mode(path: Path) -> int:
    """The permission bits of a file."""
    return path.stat().st_mode & 0o777


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
        # The names of the members, each of a node and eight digits.
        self.members = ["demo-servers-0eeeeeee-0a1b2c3d"]
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
        self._servers = [serve(Aws, self), serve(Supervisor, self, authority.context)]
        aws, supervisor = (f"//127.0.0.1:{server.server_port}" for server in self._servers)
        self.url, self.server_url = f"http:{aws}", f"https:{supervisor}"

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
        (data / "tls/service.key").touch()
        (data / "token").write_text(f"K10ab::server:{password}\n")

    def cause(self) -> tuple[str, str]:
        """The phase that failed and why, as the report has it."""
        error = self.report["error"]
        return error["phase"], error["cause"]
