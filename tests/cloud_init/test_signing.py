"""The boot program's request signing against botocore's."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from boot.signing import sign

REQUESTS = {
    "short": ("ssm", "eu-central-1", "https://ssm.eu-central-1.amazonaws.com/", b"{}", "t0"),
    "china": ("ssm", "cn-north-1", "https://ssm.cn-north-1.amazonaws.com.cn/", b"\xc3\xa4", "+/="),
    "port, no session": ("ssm", "us-east-1", "http://127.0.0.1:8080/", b"x" * 5000, None),
    "other service": ("sts", "us-west-2", "https://sts.us-west-2.amazonaws.com/", b"", "t"),
}


@pytest.mark.parametrize("request_name", REQUESTS)
def test_a_request_is_signed_as_botocore_signs_it(
    request_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, region, url, body, token = REQUESTS[request_name]
    when = datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda **_: when)
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "  AmazonSSM.Get "}
    request = AWSRequest("POST", url, headers, body)
    SigV4Auth(Credentials("AKIA", "se/cr+et", token), service, region).add_auth(request)
    signed = sign(
        url,
        headers,
        body,
        credentials={
            "AccessKeyId": "AKIA",
            "SecretAccessKey": "se/cr+et",
            **({"Token": token} if token else {}),
        },
        region=region,
        service=service,
        when=when,
    )
    assert request.headers["Authorization"] == signed["Authorization"]
    assert request.headers["X-Amz-Date"] == signed["X-Amz-Date"]
    assert request.headers["X-Amz-Security-Token"] == signed.get("X-Amz-Security-Token")
