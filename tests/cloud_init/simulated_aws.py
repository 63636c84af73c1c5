"""The metadata service, SSM, S3 and the download places, with the faults that a test may need."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.cloud_init.loopback_server import Handler

REGION = "eu-central-1"
INSTANCE = "i-0123456789abcdef0"
ACCESS_KEY = "ASIAEXAMPLE"
SECRET_KEY = "secret-key-of-the-role"
SESSION_TOKEN = "session-token-of-the-role"
K3S = b"\x7fELF k3s " * 100_000


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


class Aws(Handler):
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
