#!/usr/bin/env python3
"""
The boot program of a k3s node: makes the machine what /etc/k3s-aws/node.json says it is.

Standard library only, Python 3.9 or newer. May run again at any time: it does what is missing and
restarts k3s only when its binary or configuration changed. Reports each phase in report.json; no
secret reaches the report, the log, an argument or an environment variable.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import hmac
import http.client
import json
import shutil
import ssl
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

ANSWER_SECONDS = 10  # for one answer of the network; the whole boot has the node's deadline
IAM_SECONDS = 60  # a role made a moment ago is not known everywhere in AWS yet
REFUSAL_SECONDS = 10  # k3s may refuse a good token while it starts
JOIN_SECONDS = 60  # a server that is being given other tokens is not as fast as a new agent
SPARE_BYTES = 64 << 20
# What would change the machine by itself; a newer image is how it gets newer packages.
UNATTENDED = (
    "apt-daily.timer", "apt-daily.service", "apt-daily-upgrade.timer", "apt-daily-upgrade.service",
    "unattended-upgrades.service", "dnf-automatic.timer", "dnf-automatic-install.timer",
)  # fmt: skip

UNIT = """\
[Unit]
Description=k3s {role}
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
EnvironmentFile=-/etc/default/%N
EnvironmentFile=-/etc/sysconfig/%N
KillMode=process
Delegate=yes
User=root
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=0
TasksMax=infinity
TimeoutStartSec=0
Restart=always
RestartSec=5s
ExecStartPre=-/sbin/modprobe br_netfilter
ExecStartPre=-/sbin/modprobe overlay
ExecStart=/usr/local/bin/k3s {role}

[Install]
WantedBy=multi-user.target
"""


# Keys in a home, of an EC2 key pair or of Instance Connect let nobody in.
SSHD = """\
HostKey /etc/ssh/ssh_host_ed25519_key
AuthenticationMethods publickey
AuthorizedKeysFile /etc/ssh/k3s-aws/authorized_keys
AuthorizedKeysCommand none
PermitRootLogin no
"""
# Of the first boot; enabled until it is done, so that it goes on after a restart of the machine.
BOOT_UNIT = "k3s-aws-boot.service"
SSH_UNITS = ("ssh.service", "sshd.service")


class Failure(Exception):  # noqa: N818
    """What ends the boot; its text becomes the cause in the report."""


class NotYet(Exception):  # noqa: N818
    """What may be better in a moment; with `patience`, only for so many seconds in a row."""

    def __init__(self, text: str, patience: float | None = None) -> None:
        super().__init__(text)
        self.patience = patience


def run_command(words: Sequence[str]) -> tuple[int, str]:
    """The exit code and the output of a command; 126 and the reason where it does not run."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return 126, str(error)
    return done.returncode, done.stdout


def write(path: Path, content: str, mode: int) -> None:
    """Puts a whole file in place at once, never with a wider mode; an equal one is left alone."""
    if path.exists() and path.stat().st_mode & 0o777 == mode and path.read_text() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.touch(mode)
    new.chmod(mode)
    new.write_text(content)
    new.replace(path)


def read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def password_of(token: str) -> str:
    """The password of a join token in either form."""
    return token.rsplit(":", 1)[-1]


def digest_of(path: Path) -> Any:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest


def answer_to(request: Request, context: ssl.SSLContext | None = None) -> Any:
    """The answer, of whatever status. No proxy of the environment is asked."""
    try:
        opener = build_opener(ProxyHandler({}), HTTPSHandler(context=context))
        return opener.open(request, timeout=ANSWER_SECONDS)
    except HTTPError as answer:
        return answer
    except (OSError, http.client.HTTPException) as error:
        place = urlsplit(request.full_url).netloc
        raise NotYet(f"{place}: {getattr(error, 'reason', error)}") from None


def ask(request: Request, context: ssl.SSLContext | None = None) -> tuple[int, Any, bytes]:
    """Status, headers and body of a short answer."""
    with answer_to(request, context) as answer:
        try:
            return answer.status, answer.headers, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise NotYet(f"{urlsplit(request.full_url).netloc}: {error}") from None


def sign(
    url: str, headers: Mapping[str, str], body: bytes, *, method: str = "POST",
    credentials: Mapping[str, str], region: str, service: str, when: datetime,
) -> dict[str, str]:  # fmt: skip
    """The headers of a request without a query, signed: AWS Signature Version 4."""
    stamp = when.strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    signed = {**headers, "Host": urlsplit(url).netloc, "X-Amz-Date": stamp}
    if credentials.get("Token"):
        signed["X-Amz-Security-Token"] = credentials["Token"]
    lowered = sorted((name.lower(), value.strip()) for name, value in signed.items())
    names = ";".join(name for name, _ in lowered)
    lines = [f"{name}:{value}" for name, value in lowered]
    request = [method, urlsplit(url).path, "", *lines, "", names, hashlib.sha256(body).hexdigest()]
    digest = hashlib.sha256("\n".join(request).encode()).hexdigest()
    key = f"AWS4{credentials['SecretAccessKey']}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), "sha256").digest()
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"
    signed["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credentials['AccessKeyId']}/{scope}, SignedHeaders={names}, "
        f"Signature={hmac.new(key, text.encode(), 'sha256').hexdigest()}"
    )
    return signed


class Report:
    """What the boot did so far, on disk after each step and as lines of the boot log."""

    def __init__(self, path: Path, clock: Any, say: Callable[[str], None]) -> None:
        self.path, self.clock, self.say = path, clock, say
        self.secrets: set[str] = set()
        self.began = clock.monotonic()
        self.content: dict[str, Any] = {
            "schema": 1, "node": "", "instanceId": "", "role": "", "state": "running",
            "phases": [], "error": None, "k3s": None,
        }  # fmt: skip

    def keep_secret(self, text: str) -> None:
        """Remembers what must not be shown, each long line by itself too."""
        self.secrets.update(piece for piece in [text, *text.splitlines()] if len(piece) >= 8)

    def redacted(self, text: str) -> str:
        for secret in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(secret, "[secret]")
        return text

    def log(self, text: str) -> None:
        self.say(f"k3s-aws {self.clock.monotonic() - self.began:7.2f} {self.redacted(text)}")

    def save(self) -> None:
        write(self.path, json.dumps(self.content, indent=1) + "\n", 0o644)

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        now = datetime.fromtimestamp(self.clock.time(), timezone.utc)  # noqa: UP017
        began = self.clock.monotonic()
        phase: dict[str, Any] = {
            "name": name,
            "startedAt": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "seconds": None,
        }
        self.content["phases"].append(phase)
        self.save()
        self.log(name)
        try:
            yield
        finally:
            phase["seconds"] = round(self.clock.monotonic() - began, 3)

    def end(self, cause: str | None = None) -> None:
        self.content["state"] = "done" if cause is None else "failed"
        if cause is not None:
            phase = self.content["phases"][-1]["name"]
            self.content["error"] = {"phase": phase, "cause": self.redacted(cause)}
        self.save()
        self.log("done" if cause is None else f"failed: {cause}")


class Wait:
    """The one deadline of the boot, and the waiting for it."""

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.began = clock.monotonic()
        self.deadline = self.began + 600.0

    def until(
        self, attempt: Callable[[], Any], what: str, pause: float = 0.5, growth: float = 1.0
    ) -> Any:
        """Repeats the attempt while it says NotYet."""
        began = refused_since = self.clock.monotonic()
        while True:
            try:
                return attempt()
            except NotYet as reason:
                last = reason
            now = self.clock.monotonic()
            if last.patience is None:
                refused_since = now + pause
            elif now - refused_since >= last.patience:
                raise Failure(str(last))
            if now + pause > self.deadline:
                raise Failure(f"{what}: waited {now - began:.0f} s, last answer: {last}")
            self.clock.sleep(pause)
            pause = min(pause * growth, 5.0)


class Aws:
    """What this machine may ask: the metadata service, and as its role SSM and S3."""

    def __init__(self, metadata: str, ssm: str, s3: str, wait: Wait, report: Report) -> None:
        self.metadata_url, self.ssm_url, self.s3_url = metadata, ssm, s3
        self.wait, self.report = wait, report
        self.skew = 0.0

    def metadata(self, path: str) -> str:
        """One value of the instance metadata service, version 2."""
        url = f"{self.metadata_url}/latest"

        def attempt() -> str:
            ttl = {"X-aws-ec2-metadata-token-ttl-seconds": "300"}
            status, _, token = ask(Request(f"{url}/api/token", headers=ttl, method="PUT"))  # noqa: S310
            if status == 200:
                self.report.keep_secret(token.decode())
                header = {"X-aws-ec2-metadata-token": token.decode()}
                status, _, body = ask(Request(f"{url}/meta-data/{path}", headers=header))  # noqa: S310
            if status != 200:
                raise NotYet(f"it answered {status}")
            return body.decode().strip()

        value: str = self.wait.until(attempt, f"no {path} from the instance metadata service")
        return value

    def credentials(self) -> dict[str, str]:
        """The role's temporary credentials."""
        roles = "iam/security-credentials/"
        found: dict[str, str] = json.loads(self.metadata(roles + self.metadata(roles)))
        if "SecretAccessKey" not in found:
            raise NotYet(f"the instance role has no credentials: {found.get('Code')}")
        self.report.keep_secret(found["SecretAccessKey"])
        self.report.keep_secret(found["Token"])
        return found

    def signed(
        self, url: str, headers: Mapping[str, str], body: bytes, method: str, region: str,
        service: str,
    ) -> dict[str, str]:  # fmt: skip
        when = datetime.fromtimestamp(self.wait.clock.time() + self.skew, timezone.utc)  # noqa: UP017
        return sign(
            url, headers, body, method=method,
            credentials=self.credentials(), region=region, service=service, when=when,
        )  # fmt: skip

    def learn_time(self, answered: Any) -> None:
        """A clock that is off makes good signatures invalid; AWS tells the right time."""
        if answered["Date"]:
            now = parsedate_to_datetime(answered["Date"]).timestamp()
            self.skew = now - self.wait.clock.time()

    def request(self, source: str, headers: Mapping[str, str]) -> Request:
        """The request for a source: `s3://<bucket>/<key>` as the role, all else as it is."""
        if not source.startswith("s3://"):
            return Request(source, headers=dict(headers))  # noqa: S310
        bucket, _, key = source[len("s3://") :].partition("/")
        region = self.metadata("placement/region")
        domain = self.metadata("services/domain")
        url = self.s3_url.format(bucket=bucket, region=region, domain=domain) + key
        empty = {**headers, "X-Amz-Content-SHA256": hashlib.sha256(b"").hexdigest()}
        return Request(url, headers=self.signed(url, empty, b"", "GET", region, "s3"))  # noqa: S310

    def parameters(self, names: Sequence[str]) -> dict[str, str]:
        """The values of SSM parameters, decrypted; all are remembered as secret."""
        region = self.metadata("placement/region")
        url = self.ssm_url.format(region=region, domain=self.metadata("services/domain"))
        body = json.dumps({"Names": list(names), "WithDecryption": True}).encode()
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": "AmazonSSM.GetParameters",
        }

        def attempt() -> Any:
            signed = self.signed(url, headers, body, "POST", region, "ssm")
            status, answered, text = ask(Request(url, body, signed))  # noqa: S310
            if status == 200:
                return json.loads(text)
            reason = self.report.redacted(text.decode(errors="replace"))[:300]
            refusal = f"SSM answered {status}: {reason}"
            if status >= 500 or status == 429 or "Throttl" in refusal:
                raise NotYet(refusal)
            self.learn_time(answered)
            raise NotYet(refusal, IAM_SECONDS)

        answer = self.wait.until(attempt, f"no secrets from {url}", growth=1.5)
        values = {each["Name"]: each["Value"] for each in answer["Parameters"]}
        for value in values.values():
            self.report.keep_secret(value)
        missing = [name for name in names if name not in values]
        if missing:
            raise Failure(f"SSM has no parameter {', '.join(missing)}")
        return values


class Boot:
    """One run of the boot program. The arguments are the world it acts on."""

    def __init__(
        self, *,
        root: Path = Path("/"),
        metadata: str = "http://169.254.169.254",
        ssm: str = "https://ssm.{region}.{domain}/",
        s3: str = "https://{bucket}.s3.{region}.{domain}/",
        supervisor: str = "https://127.0.0.1:6443",
        run: Callable[[Sequence[str]], tuple[int, str]] = run_command,
        clock: Any = time,
        free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
        say: Callable[[str], None] = lambda line: print(line, flush=True),
    ) -> None:  # fmt: skip
        self.root, self.home = root, root / "etc/rancher/k3s"
        self.data = root / "var/lib/rancher/k3s/server"
        self.supervisor = supervisor
        self.run, self.clock, self.free = run, clock, free
        self.applied = self.data / "manifests/k3s-aws"
        self.known_tokens = root / "var/lib/k3s-aws/tokens"
        # Whether there is a cluster already that this machine serves.
        self.founded = (self.data / "db").exists()
        self.report = Report(root / "var/lib/k3s-aws/report.json", clock, say)
        self.wait = Wait(clock)
        self.aws = Aws(metadata, ssm, s3, self.wait, self.report)

    def identify(self) -> None:
        """Who this machine is: node.json, and what the metadata service says."""
        try:
            self.node = json.loads((self.root / "etc/k3s-aws/node.json").read_text())
            if self.node["schema"] != 1:
                raise ValueError(f"schema {self.node['schema']} is not known")
            self.role, prefix = self.node["role"], self.node["nodeNamePrefix"]
            self.wait.deadline = self.wait.began + self.node["deadlineSeconds"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Failure(f"/etc/k3s-aws/node.json cannot be used: {error!r}") from None
        self.unit = "k3s" if self.role == "server" else "k3s-agent"
        instance = self.aws.metadata("instance-id")
        self.name = f"{prefix}-{instance[-8:]}"
        self.report.content.update(node=self.name, instanceId=instance, role=self.role)

    def secrets(self, keys: Sequence[str]) -> dict[str, str]:
        """
        The machine's secrets: what an earlier run or the provider left, the rest from SSM.

        SSM refuses a machine whose node has joined; whatever changes later is left by the provider.
        """
        path = self.root / "etc/k3s-aws/secrets.json"
        held: dict[str, str] = json.loads(read(path) or "{}")
        names = {key: self.node["parameters"][key] for key in keys if key not in held}
        if names:
            values = self.aws.parameters(list(names.values()))
            held.update({key: values[name] for key, name in names.items()})
            write(path, json.dumps(held), 0o600)
        for value in held.values():
            self.report.keep_secret(value)
        return held

    def open_ssh(self) -> None:
        """
        The one SSH host key, and the keys that may log in.

        sshd has no host key before, so nobody ever sees another one.
        """
        held = self.secrets(("hostKey", "authorizedKeys"))
        allowed = self.root / "etc/ssh/k3s-aws/authorized_keys"
        write(allowed, held["authorizedKeys"].strip() + "\n", 0o644)
        # sshd reads it as the user who logs in, whatever the umask was here.
        allowed.parent.chmod(0o755)
        key = held["hostKey"].strip() + "\n"
        path = self.root / "etc/ssh/ssh_host_ed25519_key"
        config = self.root / "etc/ssh/sshd_config.d/10-k3s-aws.conf"
        shut = self.shut_instance_connect()
        if not shut and read(path) == key and read(config) == SSHD:
            return
        write(config, SSHD, 0o644)
        write(path, key, 0o600)
        code, public = self.run(["ssh-keygen", "-y", "-f", str(path)])
        if code != 0:
            name = self.node["parameters"]["hostKey"]
            raise Failure(f"SSM parameter {name} is not an SSH private key")
        write(path.with_suffix(".pub"), public, 0o644)
        for unit in SSH_UNITS:
            if self.unit_state(unit)["LoadState"] == "loaded":
                # Without a key it may have failed often enough to be refused another start.
                self.run(["systemctl", "reset-failed", unit])
                # In the first boot it starts after cloud-init has made the login user.
                self.run(["systemctl", "restart", "--no-block", unit])
                return
        raise Failure("this machine has neither ssh.service nor sshd.service")

    def shut_instance_connect(self) -> bool:
        """
        Whether there was something to shut: Instance Connect has sshd started with a source of keys
        of its own, which counts before any file, by a drop-in of systemd's.

        https://github.com/aws/aws-ec2-instance-connect-config
        """
        shut = False
        for unit in SSH_UNITS:
            name = f"systemd/system/{unit}.d/ec2-instance-connect.conf"
            # One of the same name in /etc takes its place.
            mask = self.root / "etc" / name
            if read(mask) or ((self.root / "usr/lib" / name).exists() and not mask.exists()):
                write(mask, "", 0o644)
                shut = True
        if shut:
            self.systemctl("daemon-reload")
        return shut

    def install_secrets(self) -> None:
        held = self.secrets([key for key in self.node["parameters"] if key != "authority"])
        self.token = held["token"]
        self.registry_auth = json.loads(held.get("registryAuth", "{}"))
        self.report.keep_secret(password_of(self.token))
        self.tokens = {"token": self.token}
        if self.role == "server":
            self.tokens["agent-token"] = held["agentToken"]
            self.install_authority()
        if self.role == "agent" or self.tokens_are_known():
            self.write_tokens()

    def hash_of_tokens(self) -> str:
        return hashlib.sha256("\n".join(self.tokens.values()).encode()).hexdigest()

    def tokens_are_known(self) -> bool:
        """Whether k3s was told of these very tokens, after its start with them too."""
        return read(self.known_tokens) == self.hash_of_tokens()

    def install_tokens(self) -> None:
        """
        A server's tokens, known to k3s and its datastore; a moment before it starts with them.

        What fails between the two leaves a k3s that runs with others than it has.
        """
        if not self.tokens_are_known():
            # k3s notes here at once what its datastore was told.
            in_datastore = password_of(read(self.data / "token").strip())
            if self.founded and in_datastore != password_of(self.token):
                self.tell_tokens(read(self.home / "token").strip())
            if self.founded and not self.runs():
                # Or systemd starts it once more meanwhile, with what is replaced here.
                self.systemctl("stop", self.unit)
            # A run that was cut off after its start left passwords that the datastore does not
            # know, with which k3s would not start. It makes this file again.
            (self.data / "cred/passwd").unlink(missing_ok=True)
        self.write_tokens()

    def write_tokens(self) -> None:
        for name, token in self.tokens.items():
            write(self.home / name, token + "\n", 0o600)

    def install_authority(self) -> None:
        """Until k3s has run: it does not start with another one than it knows."""
        if (self.root / "var/lib/k3s-aws/running").exists():
            return
        parameter = self.node["parameters"]["authority"]
        for name, content in json.loads(self.aws.parameters([parameter])[parameter]).items():
            self.report.keep_secret(content)
            path = self.data / "tls" / name
            if not path.exists():
                write(path, content, 0o600)
            elif read(path).strip() != content.strip():
                shown = f"/{path.relative_to(self.root)}"
                raise Failure(f"{shown} belongs to another cluster")
        self.data.chmod(0o700)

    def tell_tokens(self, started_with: str) -> None:
        """
        Has a running server keep the server token, and who may join, in its datastore.

        k3s starts with no other server token than its datastore was told of, and no second time
        with another agent token; it takes the password it was started with until it starts again.
        https://docs.k3s.io/cli/token#rotate, https://github.com/k3s-io/k3s/issues/8066
        """
        ours = ssl.create_default_context(cadata=read(self.data / "tls/server-ca.crt"))
        url = f"{self.supervisor}/v1-k3s/token"
        body = json.dumps({"newToken": password_of(self.token)}).encode()
        login = base64.b64encode(f"server:{password_of(started_with)}".encode()).decode()
        self.report.keep_secret(login)
        headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}

        def attempt() -> None:
            status, _, _ = ask(Request(url, body, headers, method="PUT"), ours)  # noqa: S310
            if status in (401, 403):
                raise NotYet("k3s refused the token it was started with", REFUSAL_SECONDS)
            if status != 200:
                patience = None if status >= 500 else REFUSAL_SECONDS
                raise NotYet(f"k3s answered {status} to the server token", patience)

        self.wait.until(attempt, "k3s was not told of the server token")

    def install_k3s(self) -> None:
        wanted = self.node["k3s"]
        target = self.root / "usr/local/bin/k3s"
        if not target.exists() or digest_of(target).hexdigest() != wanted["sha256"]:
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(".k3s.part")
            self.download(wanted["sources"], wanted["sha256"], part, "k3s")
            part.chmod(0o755)
            part.replace(target)
            # k3s unpacks itself when any of its programs is called first: now, while an agent waits
            # for its server, or before a running k3s is stopped. What fails here fails at the start
            # again, with k3s's own message.
            self.run([str(target), "kubectl", "version", "--client"])
        self.report.content["k3s"] = {"version": wanted["version"], "sha256": wanted["sha256"]}
        if not target.with_name("kubectl").exists():
            target.with_name("kubectl").symlink_to("k3s")

    def download(self, sources: Sequence[str], sha256: str, part: Path, what: str) -> None:
        """From the first source with the right file; what was received is kept for resuming."""
        faults: dict[str, str] = {}

        def attempt() -> None:
            reasons = []
            for source in [each for each in sources if each not in faults]:
                try:
                    return self.receive(source, sha256, part)
                except NotYet as reason:
                    reasons.append(reason)
                    self.report.log(str(reason))
                except Failure as fault:
                    faults[source] = str(fault)
                    self.report.log(str(fault))
            if reasons:
                # With a source that may come back at any time there is patience to the end.
                limits = [reason.patience for reason in reasons]
                patience = None if None in limits else max(filter(None, limits))
                raise NotYet("; ".join(map(str, reasons)), patience)
            raise Failure("; ".join(faults.values()))

        self.wait.until(attempt, f"{what} was not downloaded", growth=1.5)

    def receive(self, source: str, sha256: str, part: Path) -> None:
        have = part.stat().st_size if part.exists() else 0
        request = self.aws.request(source, {"Range": f"bytes={have}-"} if have else {})
        with answer_to(request) as answer:
            if answer.status == 403 and source.startswith("s3://"):
                self.aws.learn_time(answer.headers)
                raise NotYet(f"{source} answered 403", IAM_SECONDS)
            if answer.status == 416:
                part.unlink()
                raise NotYet(f"{source} is not longer than what was received; beginning again")
            if answer.status not in (200, 206):
                again = answer.status >= 500 or answer.status in (408, 429)
                raise (NotYet if again else Failure)(f"{source} answered {answer.status}")
            resumed = answer.status == 206
            digest = digest_of(part) if resumed else hashlib.sha256()
            self.copy(answer, part, digest, resumed, source)
        if digest.hexdigest() == sha256:
            return
        part.unlink()
        if resumed:
            raise NotYet(f"{source} did not continue the same file; beginning again")
        raise Failure(f"{source} has SHA-256 {digest.hexdigest()}, expected {sha256}")

    def copy(self, answer: Any, part: Path, digest: Any, resumed: bool, source: str) -> None:
        length, received = int(answer.headers["Content-Length"] or 0), 0
        free = self.free(part.parent)
        if free < length + SPARE_BYTES:
            raise Failure(f"{part.parent} has {free >> 20} MiB free, {length >> 20} MiB are needed")
        end = "the connection ended"
        try:
            with part.open("ab" if resumed else "wb") as file:
                for block in iter(lambda: answer.read(1 << 18), b""):
                    received += file.write(block)
                    digest.update(block)
        except (OSError, http.client.HTTPException) as error:
            end, length = str(error), max(length, received + 1)
        if received < length:
            raise NotYet(f"{source} stopped after {received} of {length} bytes: {end}")

    def configure(self) -> None:
        config = {
            **self.node["config"],
            "node-name": self.name,
            "token-file": "/etc/rancher/k3s/token",
        }
        if self.role == "server":
            config["agent-token-file"] = "/etc/rancher/k3s/agent-token"
        else:
            config["server"] = self.node["join"]["url"]
        text, unit = json.dumps(config, indent=1) + "\n", UNIT.format(role=self.role)
        registries = json.dumps(self.registries()) if "registries" in self.node else ""
        write(self.home / "config.yaml", text, 0o600)
        if registries or (self.home / "registries.yaml").exists():
            write(self.home / "registries.yaml", registries, 0o600)
        write(self.root / f"etc/systemd/system/{self.unit}.service", unit, 0o644)
        # Here, so that an agent has it behind itself when its server is there.
        self.systemctl("daemon-reload")
        # An agent that has joined needs its token no more; a server learns others at its start.
        tokens = self.tokens.values() if self.role == "server" else ()
        parts = [self.node["k3s"]["sha256"], text, unit, registries, *tokens]
        seen = "\n".join(filter(None, parts))
        self.wanted = hashlib.sha256(seen.encode()).hexdigest()

    def registries(self) -> dict[str, Any]:
        """registries.yaml with the passwords in it."""
        found = dict(self.node["registries"])
        configs = dict(found.get("configs", {}))
        for host, auth in self.registry_auth.items():
            configs[host] = {**configs.get(host, {}), "auth": auth}
        return {**found, "configs": configs} if configs else found

    def install_manifests(self) -> None:
        """What k3s is to apply, in a folder of ours; what is no longer wanted is not re-applied."""
        wanted = self.node.get("manifests", {})
        for old in self.applied.glob("*"):
            if old.name not in wanted:
                old.unlink()
        for name, manifest in wanted.items():
            content = manifest.get("content")
            if content is None:
                part = self.root / "var/lib/k3s-aws/manifest.part"
                self.download([manifest["source"]], manifest["sha256"], part, name)
                content = part.read_text()
                part.unlink()
            write(self.applied / name, content, 0o600)

    def systemctl(self, *words: str) -> None:
        code, _ = self.run(["systemctl", *words])
        if code != 0:
            raise Failure(f"systemctl {' '.join(words)} ended with {code}")

    def wait_for_server(self) -> None:
        """Asks more often than k3s would, and tells a refused token from no answer."""
        url = self.node["join"]["url"]
        ca_hash, _, login = self.token[len("K10") :].partition("::")
        login = base64.b64encode(login.encode()).decode()
        self.report.keep_secret(login)
        # Nothing is sent to whoever answers before its authority proved to be ours.
        unverified = ssl._create_unverified_context()  # noqa: S323

        def attempt() -> None:
            status, _, authority = ask(Request(f"{url}/cacerts"), unverified)  # noqa: S310
            if status != 200:
                raise NotYet(f"the server {url} answered {status} for /cacerts")
            if hashlib.sha256(authority).hexdigest() != ca_hash:
                raise Failure(f"the server {url} has another authority than the join token names")
            ours = ssl.create_default_context(cadata=authority.decode())
            request = Request(f"{url}/v1-k3s/readyz", headers={"Authorization": f"Basic {login}"})  # noqa: S310
            status, _, _ = ask(request, ours)
            if status in (401, 403):
                raise NotYet(f"the server {url} refused the join token", JOIN_SECONDS)
            if status != 200:
                raise NotYet(f"the server {url} is not ready: {status}")

        self.wait.until(attempt, f"no ready server at {url}")

    def start_k3s(self) -> None:
        """Starts k3s, and waits until a server serves the API, or an agent's process runs."""
        self.started_at = self.clock.time()
        if self.role == "server":
            self.install_tokens()
        previous = self.unit_state()["MainPID"]
        # How often systemd started one that fell over before; refused where none ever ran.
        self.run(["systemctl", "reset-failed", self.unit])
        self.systemctl("restart", "--no-block", self.unit)
        # While k3s starts. Units that an image does not have are masked all the same.
        self.systemctl("enable", self.unit)
        self.run(["systemctl", "mask", "--now", "--no-block", *UNATTENDED])
        if (self.root / "usr/bin/snap").exists():
            # Beside the boot: it waits for snapd, which may still be unpacking what it has.
            self.run(["systemd-run", "--no-block", "snap", "refresh", "--hold"])

        def attempt() -> None:
            state = self.require_start()
            if state["MainPID"] in ("0", previous):
                raise NotYet(f"{self.unit}.service is {state['ActiveState']}")
            # An agent's becomes active minutes after its node was Ready: k3s waits for a heartbeat
            # of the kubelet first (pkg/agent/netpol of k3s).
            if self.role == "server" and state["ActiveState"] != "active":
                raise NotYet(f"{self.unit}.service is {state['ActiveState']}")

        self.wait_explained(attempt, f"{self.unit}.service is not up")
        if self.role == "server" and not self.tokens_are_known():
            if self.founded:
                self.tell_tokens(self.token)
            write(self.known_tokens, self.hash_of_tokens(), 0o600)
        write(self.root / "var/lib/k3s-aws/running", self.wanted, 0o600)

    def wait_for_node(self) -> None:
        """Until the API reports the node Ready."""
        what = f"node {self.name} is not Ready"
        # Not faster: each machine of a large cluster asks the one server.
        self.wait_explained(lambda: self.require_ready(self.require_start()), what, pause=0.5)

    def require_ready(self, state: Mapping[str, str]) -> None:
        """
        Raises NotYet unless the kubelet reported Ready since k3s's process started; a Node stays
        Ready for a while when its kubelet is gone.

        The API is asked with the kubelet's own certificate, which may read its Node.
        """
        if state["MainPID"] == "0":
            # Between two tries of systemd there is no start to compare with.
            raise NotYet(f"{self.unit}.service has no process")
        held = self.data.parent / "agent"
        certificate, key = held / "client-kubelet.crt", held / "client-kubelet.key"
        try:
            context = ssl.create_default_context(cadata=read(held / "server-ca.crt"))
            context.load_cert_chain(certificate, key)
        except (OSError, ValueError):
            raise NotYet("k3s has no certificate for the kubelet yet") from None
        api = self.supervisor if self.role == "server" else self.node["join"]["url"]
        request = Request(f"{api}/api/v1/nodes/{self.name}")  # noqa: S310
        status, _, body = ask(request, context)
        if status == 404:
            raise NotYet("its kubelet has not registered")
        if status != 200:
            raise NotYet(f"the API at {api} answered {status}")
        found = json.loads(body)["status"].get("conditions", ())
        ready: dict[str, str] = next((each for each in found if each["type"] == "Ready"), {})
        if ready.get("status") != "True":
            raise NotYet(ready.get("message", "its kubelet has reported nothing")[:300])
        age = self.clock.monotonic() - int(state["ExecMainStartTimestampMonotonic"]) / 1e6
        reported = datetime.strptime(ready["lastHeartbeatTime"], "%Y-%m-%dT%H:%M:%S%z")
        # Reported in whole seconds.
        if reported.timestamp() < int(self.clock.time() - age):
            raise NotYet("its kubelet has not reported since its start")

    def require_start(self) -> dict[str, str]:
        """The state of k3s's unit; raises Failure when k3s ends again and again."""
        state = self.unit_state()
        if state["ActiveState"] == "failed" or int(state["NRestarts"]) >= 3:
            raise Failure(f"{self.unit}.service does not start")
        return state

    def wait_explained(self, attempt: Callable[[], Any], what: str, pause: float = 0.25) -> None:
        """Waits like `Wait.until`; a failure also has a line of k3s's journal."""
        try:
            self.wait.until(attempt, what, pause=pause)
        except Failure as fault:
            raise Failure(f"{fault}; its journal: {self.last_line()}") from None

    def unit_state(self, unit: str | None = None) -> dict[str, str]:
        fields = {
            "LoadState": "", "ActiveState": "", "NRestarts": "0", "MainPID": "0",
            "ExecMainStartTimestampMonotonic": "0",
        }  # fmt: skip
        words = ["systemctl", "show", "-p", ",".join(fields), unit or self.unit]
        lines = self.run(words)[1].splitlines()
        return {**fields, **dict(line.split("=", 1) for line in lines if "=" in line)}

    def last_line(self) -> str:
        """The last line of the journal since k3s's start that tells why, or else the last one."""
        words = ["journalctl", "-u", self.unit, "-o", "cat", "-n", "200", "--no-pager"]
        lines = self.run([*words, f"--since=@{int(self.started_at)}"])[1].split("\n")
        lines = [line.strip() for line in lines if line.strip()] or ["(empty)"]
        signs = ("level=fatal", "level=error", "fatal", "panic:", "Error:")
        telling = [line for line in lines if any(sign in line for sign in signs)]
        return self.report.redacted((telling or lines)[-1])[:400]

    def is_running(self) -> bool:
        """Whether k3s runs with this very binary and configuration."""
        seen = read(self.root / "var/lib/k3s-aws/running")
        return seen == self.wanted and self.runs()

    def runs(self) -> bool:
        state = self.unit_state()
        if state["ActiveState"] == "active" or self.role == "server":
            return state["ActiveState"] == "active"
        try:
            self.require_ready(state)
        except NotYet:
            return False
        return True

    def follow(self) -> None:
        """All phases, in order."""
        phases = {
            "identity": self.identify,
            "ssh": self.open_ssh,
            "secrets": self.install_secrets,
            "download-k3s": self.install_k3s,
            "manifests": self.install_manifests,
            "configure": self.configure,
            "wait-for-server": self.wait_for_server,
            "start-k3s": self.start_k3s,
            "node-ready": self.wait_for_node,
        }
        for name, act in phases.items():
            if name == "wait-for-server" and self.is_running():
                return
            if self.applies(name):
                with self.report.phase(name):
                    act()

    def applies(self, phase: str) -> bool:
        if phase == "manifests":
            return self.role == "server" and ("manifests" in self.node or self.applied.exists())
        return phase != "wait-for-server" or self.role == "agent"

    def lock(self, file: Any) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise NotYet("it holds /run/k3s-aws.lock") from None

    def main(self) -> int:
        """Boots the node; 0 when k3s is up, 1 with the cause in the report."""
        path = self.root / "run/k3s-aws.lock"
        path.parent.mkdir(exist_ok=True)
        with path.open("w") as file:
            try:
                self.wait.until(lambda: self.lock(file), "another boot run does not end")
            except Failure as fault:
                # The report belongs to the run that holds the lock.
                self.report.log(str(fault))
                return 1
            try:
                self.follow()
            except Exception as error:
                cause = str(error)
                if not isinstance(error, Failure):
                    self.report.log(traceback.format_exc())
                    cause = f"unexpected {type(error).__name__}: {error}"
                self.report.end(cause)
                return 1
            if (self.root / "etc/systemd/system/multi-user.target.wants" / BOOT_UNIT).exists():
                self.run(["systemctl", "disable", BOOT_UNIT])
            self.report.end()
            return 0


if __name__ == "__main__":
    sys.exit(Boot().main())
