"""AWS Signature Version 4."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit


def sign(
    url: str, headers: Mapping[str, str], body: bytes, *, method: str = "POST",
    credentials: Mapping[str, str], region: str, service: str, when: datetime,
) -> dict[str, str]:  # fmt: skip
    """The headers of a request without a query, with those of its signature."""
    stamp = when.strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    signed = {**headers, "Host": urlsplit(url).netloc, "X-Amz-Date": stamp}
    if credentials.get("Token"):
        signed["X-Amz-Security-Token"] = credentials["Token"]
    lowered = sorted((name.lower(), value.strip()) for name, value in signed.items())
    names = ";".join(name for name, _ in lowered)
    lines = [f"{name}:{value}" for name, value in lowered]
    content = headers.get("X-Amz-Content-SHA256") or hashlib.sha256(body).hexdigest()
    request = [method, urlsplit(url).path, "", *lines, "", names, content]
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
