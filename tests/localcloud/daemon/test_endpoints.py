"""The AWS endpoints inside a machine: TLS under AWS's names, and only what the role may."""

from __future__ import annotations

import hashlib
import http.client
import json
import logging
import ssl
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from localcloud.instance.servers import ENDPOINTS
from tests.localcloud.daemon.conftest import BINARY, VERSION
from tests.localcloud.daemon.local_cloud import LocalCloud

ARN = "arn:aws:ssm:us-east-1:123456789012:parameter"
READ_OWN = {
    "Effect": "Allow",
    "Action": ["ssm:GetParameter", "ssm:GetParameters"],
    "Resource": [f"{ARN}/demo/agent/*"],
}
K3S = f"/k3s/{VERSION.replace('+', '%2B')}/k3s"


@pytest.fixture
def instance_id(cloud: LocalCloud) -> str:
    """A running machine whose role reads the parameters below /demo/agent."""
    ssm = cloud.client("ssm")
    for name in ("/demo/agent/token", "/demo/server/token"):
        ssm.put_parameter(Name=name, Value=f"value of {name}", Type="SecureString")
    return cloud.running_instance(IamInstanceProfile=cloud.profile("agent", READ_OWN))


def ask(
    cloud: LocalCloud,
    instance_id: str,
    host: str,
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> tuple[http.client.HTTPResponse, bytes]:
    """One request from inside the machine, which trusts the cloud's authority and nobody else."""
    trust = ssl.create_default_context(cadata=cloud.machines.specs[instance_id].ca_certificate)
    trust.verify_flags |= ssl.VERIFY_X509_STRICT
    plain = http.client.HTTPConnection(*cloud.machines.sockets[instance_id, ENDPOINTS[0]])
    plain.connect()
    with trust.wrap_socket(plain.sock, server_hostname=host) as plain.sock:
        plain.request(method, path, body=body, headers={"Host": host, **(headers or {})})
        answer = plain.getresponse()
        return answer, answer.read()


def credentials_of(cloud: LocalCloud, instance_id: str) -> Credentials:
    path = "/latest/meta-data/iam/security-credentials/agent"
    given = json.loads(cloud.metadata(instance_id, path))
    return Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["Token"])


def call(
    cloud: LocalCloud,
    instance_id: str,
    credentials: Credentials,
    service: str,
    body: bytes,
    headers: Mapping[str, str],
    path: str = "/",
    signed_for: str | None = None,
) -> tuple[int, bytes]:
    """A signed call of an AWS service, as the boot program makes it."""
    host = f"{service}.us-east-1.amazonaws.com"
    request = AWSRequest("POST", f"https://{host}{path}", dict(headers), body)
    SigV4Auth(credentials, signed_for or service, "us-east-1").add_auth(request)
    answer, content = ask(
        cloud, instance_id, host, "POST", path, dict(request.headers.items()), body
    )
    return answer.status, content


def of_ssm(
    cloud: LocalCloud,
    instance_id: str,
    action: str,
    path: str = "/",
    signed_for: str | None = None,
    **asked: Any,
) -> tuple[int, dict[str, Any]]:
    """A call of SSM with the credentials of the role `agent`."""
    credentials = credentials_of(cloud, instance_id)
    headers = {
        "X-Amz-Target": f"AmazonSSM.{action}",
        "Content-Type": "application/x-amz-json-1.1",
    }
    body = json.dumps(asked).encode()
    status, content = call(cloud, instance_id, credentials, "ssm", body, headers, path, signed_for)
    return status, json.loads(content)


def parameters(
    cloud: LocalCloud, instance_id: str, credentials: Credentials, *names: str
) -> tuple[int, dict[str, Any]]:
    headers = {
        "X-Amz-Target": "AmazonSSM.GetParameters",
        "Content-Type": "application/x-amz-json-1.1",
    }
    body = json.dumps({"Names": names, "WithDecryption": True}).encode()
    status, content = call(cloud, instance_id, credentials, "ssm", body, headers)
    return status, json.loads(content)


def test_a_machine_reads_what_its_role_may(cloud: LocalCloud, instance_id: str) -> None:
    credentials = credentials_of(cloud, instance_id)
    status, content = parameters(cloud, instance_id, credentials, "/demo/agent/token")
    assert (status, content["Parameters"][0]["Value"]) == (200, "value of /demo/agent/token")


def test_the_log_holds_no_value_and_no_key(
    cloud: LocalCloud, instance_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="localcloud")
    caplog.set_level(logging.DEBUG, logger="werkzeug")
    credentials = credentials_of(cloud, instance_id)
    parameters(cloud, instance_id, credentials, "/demo/agent/token")
    parameters(cloud, instance_id, credentials, "/demo/server/token")
    cloud.ec2.reboot_instances(InstanceIds=[instance_id])
    cloud.until(lambda: "started at" in caplog.text)
    assert "value of" not in caplog.text
    assert str(credentials.secret_key) not in caplog.text
    assert str(credentials.token) not in caplog.text


def test_a_machine_reads_nothing_else(cloud: LocalCloud, instance_id: str) -> None:
    credentials = credentials_of(cloud, instance_id)
    wanted = ("/demo/agent/token", "/demo/server/token")
    status, content = parameters(cloud, instance_id, credentials, *wanted)
    assert (status, content["__type"]) == (400, "AccessDeniedException")
    assert "parameter/demo/server/token" in content["message"]
    assert "value of" not in json.dumps(content)


def test_a_refusal_names_who_asked_for_what(cloud: LocalCloud, instance_id: str) -> None:
    _, content = of_ssm(cloud, instance_id, "GetParameter", Name="/demo/server/token")
    assert content["message"] == (
        f"User: arn:aws:sts::123456789012:assumed-role/agent/{instance_id} is not authorized to "
        f"perform: ssm:GetParameter on resource: {ARN}/demo/server/token because no "
        "identity-based policy allows the ssm:GetParameter action"
    )


def test_every_name_in_a_request_is_judged(cloud: LocalCloud, instance_id: str) -> None:
    own, other = "/demo/agent/token", "/demo/server/token"
    requests: list[tuple[str, dict[str, Any]]] = [
        ("GetParameter", {"Name": other, "Names": [own]}),
        ("GetParameters", {"Names": [own], "Path": other}),
        ("GetParameters", {}),
        # Another version of the same parameter is the same resource.
        ("GetParameter", {"Name": f"{other}:1"}),
        ("GetParameter", {"Name": f"{ARN}{other}"}),
    ]
    for action, asked in requests:
        status, content = of_ssm(cloud, instance_id, action, WithDecryption=True, **asked)
        assert (status, content["__type"]) == (400, "AccessDeniedException"), asked
    status, content = of_ssm(cloud, instance_id, "GetParameter", Name=f"{own}:1")
    assert (status, content["Parameter"]["Version"]) == (200, 1)


def test_what_is_judged_is_what_is_done(cloud: LocalCloud, instance_id: str) -> None:
    """The service that was signed for and the one of the host, the header and the query."""
    own: dict[str, Any] = {"Name": "/demo/agent/token"}
    status, content = of_ssm(cloud, instance_id, "GetParameter", signed_for="iam", **own)
    assert (status, content["__type"]) == (400, "InvalidSignatureException")
    path = "/?Action=DeleteParameter"
    status, content = of_ssm(cloud, instance_id, "GetParameter", path=path, **own)
    assert (status, content["__type"]) == (400, "SerializationException")
    assert cloud.client("ssm").get_parameter(**own)["Parameter"]["Version"] == 1


@pytest.mark.parametrize("key", ["aws:EC2InstanceSourcePrivateIPv4", "aws:Ec2InstanceSourceVpc"])
def test_a_variable_in_the_policy_is_the_asking_machines(cloud: LocalCloud, key: str) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html"""
    own = {**READ_OWN, "Resource": f"{ARN}/demo/keys/${{{key}}}"}
    instance_id = cloud.running_instance(IamInstanceProfile=cloud.profile("agent", own))
    mine = cloud.instance(instance_id)[{"v4": "PrivateIpAddress", "pc": "VpcId"}[key[-2:]]]
    for name in (mine, f"{mine}0"):
        cloud.client("ssm").put_parameter(Name=f"/demo/keys/{name}", Value="x", Type="String")
    assert of_ssm(cloud, instance_id, "GetParameter", Name=f"/demo/keys/{mine}")[0] == 200
    assert of_ssm(cloud, instance_id, "GetParameter", Name=f"/demo/keys/{mine}0")[0] == 400


def test_a_deny_may_make_an_exception_for_one_instance(cloud: LocalCloud) -> None:
    profile = cloud.profile("agent", READ_OWN)
    _, subnet = cloud.network()
    first, second = (
        cloud.run(cloud.interface(subnet)["NetworkInterfaceId"], IamInstanceProfile=profile)
        for _ in range(2)
    )
    cloud.becomes(first, "running")
    cloud.becomes(second, "running")
    cloud.client("ssm").put_parameter(Name="/demo/agent/token", Value="x", Type="String")
    deny = {
        **READ_OWN,
        "Effect": "Deny",
        "Condition": {"ArnNotLike": {"ec2:SourceInstanceARN": f"arn:aws:ec2:*:*:instance/{first}"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [READ_OWN, deny]})
    cloud.client("iam").put_role_policy(
        RoleName="agent", PolicyName="inline", PolicyDocument=policy
    )
    assert of_ssm(cloud, first, "GetParameter", Name="/demo/agent/token")[0] == 200
    status, content = of_ssm(cloud, second, "GetParameter", Name="/demo/agent/token")
    assert (status, content["__type"]) == (400, "AccessDeniedException")
    assert content["message"].endswith(" with an explicit deny in an identity-based policy")


@pytest.fixture
def customer_key(cloud: LocalCloud) -> str:
    """The ARN of a key that /demo/agent/token is encrypted under, by its alias."""
    kms = cloud.client("kms")
    key = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName="alias/own", TargetKeyId=key["KeyId"])
    cloud.client("ssm").put_parameter(
        Name="/demo/agent/token", Value="secret", Type="SecureString", KeyId="alias/own"
    )
    return str(key["Arn"])


def test_a_value_under_a_key_of_the_customer_needs_the_key_too(
    cloud: LocalCloud, customer_key: str
) -> None:
    """https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html"""
    instance_id = cloud.running_instance(IamInstanceProfile=cloud.profile("agent", READ_OWN))
    asked: dict[str, Any] = {"Names": ["/demo/agent/token"], "WithDecryption": True}
    status, content = of_ssm(cloud, instance_id, "GetParameters", **asked)
    assert (status, content["__type"]) == (400, "AccessDeniedException")
    assert (
        f"not authorized to perform: kms:Decrypt on resource: {customer_key} because"
        in (content["message"])
    )
    asked["WithDecryption"] = False
    assert of_ssm(cloud, instance_id, "GetParameters", **asked)[0] == 200


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({}, 200),
        ({"kms:ViaService": "ssm.us-east-1.amazonaws.com"}, 200),
        ({"kms:ViaService": "s3.us-east-1.amazonaws.com"}, 400),
        ({"kms:EncryptionContext:PARAMETER_ARN": f"{ARN}/demo/agent/token"}, 200),
        ({"kms:EncryptionContext:PARAMETER_ARN": f"{ARN}/demo/agent/other"}, 400),
        ({"kms:EncryptionContext:Other": f"{ARN}/demo/agent/token"}, 400),
    ],
)
def test_the_key_is_used_by_ssm_for_that_parameter(
    cloud: LocalCloud, customer_key: str, condition: dict[str, str], expected: int
) -> None:
    """https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html"""
    decrypt = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": customer_key}
    meant = {**decrypt, "Condition": {"StringEquals": condition}}
    instance_id = cloud.running_instance(IamInstanceProfile=cloud.profile("agent", READ_OWN, meant))
    asked: dict[str, Any] = {"Name": "/demo/agent/token", "WithDecryption": True}
    assert of_ssm(cloud, instance_id, "GetParameter", **asked)[0] == expected


def test_a_path_is_decrypted_only_where_every_key_below_is_the_roles(
    cloud: LocalCloud, customer_key: str
) -> None:
    below = {"Effect": "Allow", "Action": "ssm:GetParametersByPath", "Resource": f"{ARN}/demo*"}
    instance_id = cloud.running_instance(IamInstanceProfile=cloud.profile("agent", below))
    asked: dict[str, Any] = {"Path": "/demo", "Recursive": True}
    assert of_ssm(cloud, instance_id, "GetParametersByPath", **asked)[0] == 200
    status, content = of_ssm(
        cloud, instance_id, "GetParametersByPath", **asked, WithDecryption=True
    )
    assert (status, "kms:Decrypt" in content["message"]) == (400, True)


def test_keys_that_were_not_given_to_the_machine_are_refused(
    cloud: LocalCloud, instance_id: str
) -> None:
    status, content = parameters(
        cloud, instance_id, Credentials("test", "test"), "/demo/agent/token"
    )
    assert (status, content["__type"]) == (400, "UnrecognizedClientException")


def test_another_service_refuses_in_its_own_form(cloud: LocalCloud, instance_id: str) -> None:
    credentials = credentials_of(cloud, instance_id)
    form = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    body = b"Action=DescribeInstances&Version=2016-11-15"
    status, content = call(cloud, instance_id, credentials, "ec2", body, form)
    assert (status, b"<Code>UnauthorizedOperation</Code>" in content) == (403, True)


def test_a_machine_may_always_ask_who_it_is(cloud: LocalCloud, instance_id: str) -> None:
    credentials = credentials_of(cloud, instance_id)
    form = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    status, content = call(cloud, instance_id, credentials, "sts", body, form)
    assert status == 200
    assert f"assumed-role/agent/{instance_id}".encode() in content


def test_a_body_that_cannot_be_read_is_an_answer(cloud: LocalCloud, instance_id: str) -> None:
    credentials = credentials_of(cloud, instance_id)
    headers = {"X-Amz-Target": "AmazonSSM.GetParameters"}
    status, content = call(cloud, instance_id, credentials, "ssm", b"{", headers)
    assert (status, json.loads(content)["__type"]) == (400, "SerializationException")


def test_the_certificate_carries_the_names_that_are_asked(
    cloud: LocalCloud, instance_id: str
) -> None:
    aws = "s3.us-east-1.amazonaws.com"
    for host in ("artifacts.localcloud.internal", aws, f"bucket.{aws}"):
        answer, _ = ask(cloud, instance_id, host, "GET", "/")
        assert answer.status in (403, 404), host


def test_k3s_is_downloaded_whole_or_from_where_it_broke_off(
    cloud: LocalCloud, instance_id: str
) -> None:
    host = "artifacts.localcloud.internal"
    whole, content = ask(cloud, instance_id, host, "GET", K3S)
    assert (whole.status, content) == (200, BINARY)
    rest, content = ask(cloud, instance_id, host, "GET", K3S, {"Range": "bytes=4000-"})
    assert (rest.status, content) == (206, BINARY[4000:])
    assert rest.headers["Content-Range"] == f"bytes 4000-4095/{len(BINARY)}"
    beyond, _ = ask(cloud, instance_id, host, "GET", K3S, {"Range": "bytes=4096-"})
    assert beyond.status == 416
    odd, content = ask(cloud, instance_id, host, "GET", K3S, {"Range": "bytes=-5"})
    assert (odd.status, content) == (200, BINARY)


def test_each_architecture_gets_a_file_of_its_own(cloud: LocalCloud, instance_id: str) -> None:
    host = "artifacts.localcloud.internal"
    _, x86_64 = ask(cloud, instance_id, host, "GET", K3S)
    _, arm64 = ask(cloud, instance_id, host, "GET", f"{K3S}-arm64")
    served = {"x86_64": hashlib.sha256(x86_64), "arm64": hashlib.sha256(arm64)}
    announced = json.loads((cloud.home / "endpoint.json").read_text())["k3sSha256"]
    assert announced == {name: digest.hexdigest() for name, digest in served.items()}
    assert x86_64 != arm64


def test_another_version_is_served_as_soon_as_it_is_laid_into_its_folder(
    cloud: LocalCloud, instance_id: str
) -> None:
    host, path = "artifacts.localcloud.internal", "/k3s/v0.0.2%2Bk3s1/k3s"
    assert ask(cloud, instance_id, host, "GET", path)[0].status == 404
    file = cloud.home / "k3s-versions/v0.0.2+k3s1/k3s"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"another")
    answer, content = ask(cloud, instance_id, host, "GET", path)
    assert (answer.status, content) == (200, b"another")


def test_the_size_is_known_without_a_download(cloud: LocalCloud, instance_id: str) -> None:
    answer, content = ask(cloud, instance_id, "artifacts.localcloud.internal", "HEAD", K3S)
    assert (answer.status, answer.headers["Content-Length"], content) == (200, "4096", b"")


def test_nothing_but_this_k3s_is_served(cloud: LocalCloud, instance_id: str) -> None:
    (cloud.home / "k3s-versions/v0.0.2").mkdir(parents=True)
    outside = ("/k3s/../k3s", "/k3s/v0.0.2/k3s", "/k3s/v0.0.2/..", "/k3s/v0.0.2%2F../k3s")
    for path in ("/k3s/v0.0.1/k3s", K3S + "/../../etc/passwd", "/k3s", "/", *outside):
        answer, _ = ask(cloud, instance_id, "artifacts.localcloud.internal", "GET", path)
        assert answer.status == 404, path


def test_the_role_reads_objects_as_its_policy_allows(cloud: LocalCloud) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="mirror")
    s3.put_object(Bucket="mirror", Key="k3s", Body=b"k3s")
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::mirror/*"}
    instance_id = cloud.running_instance(IamInstanceProfile=cloud.profile("agent", statement))
    credentials = credentials_of(cloud, instance_id)
    found = {
        method: signed(cloud, instance_id, credentials, method) for method in ("GET", "HEAD", "PUT")
    }
    assert found == {"GET": (200, b"k3s"), "HEAD": (200, b""), "PUT": (403, found["PUT"][1])}
    assert b"<Code>AccessDenied</Code>" in found["PUT"][1]


def signed(
    cloud: LocalCloud, instance_id: str, credentials: Credentials, method: str
) -> tuple[int, bytes]:
    """A request for the object /mirror/k3s."""
    host = "s3.us-east-1.amazonaws.com"
    request = AWSRequest(method, f"https://{host}/mirror/k3s")
    SigV4Auth(credentials, "s3", "us-east-1").add_auth(request)
    answer, content = ask(
        cloud, instance_id, host, method, "/mirror/k3s", dict(request.headers.items())
    )
    return answer.status, content
