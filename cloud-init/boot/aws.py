"""The instance metadata service (IMDSv2), and SSM and S3 as the role of the instance."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from boot.environment import Environment
from boot.http_client import fetch
from boot.report import Report
from boot.signing import sign
from boot.waiting import BootError, Retry, Wait

# A role that was just created is not effective everywhere in AWS yet.
IAM_SECONDS = 60


class Aws:
    """The client; it corrects its time by the one that AWS reports."""

    def __init__(self, environment: Environment, wait: Wait, report: Report) -> None:
        self.environment, self.wait, self.report = environment, wait, report
        self.skew_seconds = 0.0
        self.received: dict[str, str] = {}

    def metadata(self, path: str) -> str:
        """A value of the metadata service, by its path below `meta-data`; requested once."""
        url = f"{self.environment.metadata_url}/latest"

        def attempt() -> str:
            ttl = {"X-aws-ec2-metadata-token-ttl-seconds": "300"}
            status, _, token = fetch(f"{url}/api/token", ttl, method="PUT")
            if status == 200:
                self.report.add_secret(token.decode())
                header = {"X-aws-ec2-metadata-token": token.decode()}
                status, _, body = fetch(f"{url}/meta-data/{path}", header)
            if status != 200:
                raise Retry(f"it returned {status}")
            return body.decode().strip()

        # Another thread may clear them at any time.
        found = self.received.get(path)
        if found is None:
            what = f"no {path} from the instance metadata service"
            found = self.received[path] = self.wait.until(attempt, what)
        return found

    def credentials(self) -> dict[str, str]:
        """The temporary credentials of the instance's role."""
        roles = "iam/security-credentials/"
        found: dict[str, str] = json.loads(self.metadata(roles + self.metadata(roles)))
        if "SecretAccessKey" not in found:
            self.received.clear()
            raise Retry(f"the instance role has no credentials: {found.get('Code')}")
        self.report.add_secret(found["SecretAccessKey"])
        self.report.add_secret(found["Token"])
        return found

    def sign(
        self, url: str, headers: Mapping[str, str], body: bytes, method: str, service: str
    ) -> dict[str, str]:
        """The headers of the request, with those of its signature."""
        now = self.environment.clock.time() + self.skew_seconds
        when = datetime.fromtimestamp(now, timezone.utc)  # noqa: UP017
        return sign(
            url, headers, body, method=method, when=when, service=service,
            region=self.metadata("placement/region"), credentials=self.credentials(),
        )  # fmt: skip

    def correct_clock(self, headers: Any) -> None:
        """Takes the time of a rejection: a clock that is off makes valid signatures invalid."""
        if headers["Date"]:
            now = parsedate_to_datetime(headers["Date"]).timestamp()
            self.skew_seconds = now - self.environment.clock.time()

    def locate(
        self, source: str, headers: Mapping[str, str], method: str = "GET"
    ) -> tuple[str, Mapping[str, str]]:
        """URL and headers for a source: `s3://<bucket>/<key>` signed, any other URL as it is."""
        if not source.startswith("s3://"):
            return source, headers
        bucket, _, key = source[len("s3://") :].partition("/")
        url = self._url(self.environment.s3_url, bucket=bucket) + key
        signed = {"X-Amz-Content-SHA256": hashlib.sha256(b"").hexdigest(), **headers}
        return url, self.sign(url, signed, b"", method, "s3")

    def parameters(self, names: Sequence[str]) -> dict[str, str]:
        """The decrypted values of SSM parameters, by name; all of them are redacted from now on."""
        values = self._get_parameters(names)
        for value in values.values():
            self.report.add_secret(value)
        missing = [name for name in names if name not in values]
        if missing:
            raise BootError(f"SSM has no parameter {', '.join(missing)}")
        return values

    def parameter(self, name: str) -> str | None:
        """The value of an SSM parameter that is not secret, or None where it does not exist."""
        return self._get_parameters([name]).get(name)

    def _get_parameters(self, names: Sequence[str]) -> dict[str, str]:
        url = self._url(self.environment.ssm_url)
        body = json.dumps({"Names": list(names), "WithDecryption": True}).encode()
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": "AmazonSSM.GetParameters",
        }

        def attempt() -> Any:
            signed = self.sign(url, headers, body, "POST", "ssm")
            status, received, text = fetch(url, signed, body=body)
            if status == 200:
                return json.loads(text)
            reason = self.report.redact(text.decode(errors="replace"))[:300]
            rejection = f"SSM returned {status}: {reason}"
            if status >= 500 or status == 429 or "Throttl" in rejection:
                raise Retry(rejection)
            self.correct_clock(received)
            raise Retry(rejection, IAM_SECONDS)

        found = self.wait.until(attempt, f"no secrets from {url}", growth=1.5)
        return {each["Name"]: each["Value"] for each in found["Parameters"]}

    def _url(self, pattern: str, **names: str) -> str:
        """The URL of a service in the region of the instance."""
        region, domain = self.metadata("placement/region"), self.metadata("services/domain")
        return pattern.format(region=region, domain=domain, **names)
