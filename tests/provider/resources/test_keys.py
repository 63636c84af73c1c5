"""What is made once and kept: SSH keys, the authority, tokens, machine templates."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from datetime import timedelta
from typing import Any

import paramiko
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store

from provider.protocol.values import UNKNOWN, Secret, unwrap_secrets
from tests.provider.rpc import NOW, Failed, Rpc

SSH_KEY = "k3s:index:SshKey"
AUTHORITY = "k3s:index:CertificateAuthority"
TOKEN = "k3s:index:Token"
TEMPLATE = "k3s:index:MachineTemplate"
CA_HASH = "ab" * 32


def test_an_ssh_key_is_an_ed25519_pair_whose_private_half_is_secret(rpc: Rpc) -> None:
    identity, outputs = rpc.create(SSH_KEY, {"comment": "demo-servers-0", "generation": "1"})

    assert isinstance(outputs["privateKey"], Secret)
    private = paramiko.Ed25519Key.from_private_key(io.StringIO(outputs["privateKey"].value))
    assert outputs["publicKey"] == f"ssh-ed25519 {private.get_base64()} demo-servers-0"
    digest = base64.b64encode(hashlib.sha256(private.asbytes()).digest()).decode().rstrip("=")
    assert outputs["fingerprint"] == identity == f"SHA256:{digest}"


def test_two_ssh_keys_differ(rpc: Rpc) -> None:
    inputs = {"comment": "", "generation": "1"}
    assert rpc.create(SSH_KEY, inputs)[0] != rpc.create(SSH_KEY, inputs)[0]


def test_another_comment_keeps_the_key(rpc: Rpc) -> None:
    before = {"comment": "old", "generation": "1"}
    _, known = rpc.create(SSH_KEY, before)

    outputs = rpc.update(SSH_KEY, known, before, {**before, "comment": "new"})

    assert outputs["publicKey"] == known["publicKey"].replace(" old", " new")
    assert outputs["privateKey"] == known["privateKey"]


def test_another_generation_is_another_key_in_place_that_keeps_the_previous_one(
    rpc: Rpc,
) -> None:
    before = {"comment": "demo-agents-0", "generation": "1"}
    _, known = rpc.create(SSH_KEY, before)
    after = {**before, "generation": "2"}

    diff = rpc.diff(SSH_KEY, before, after)
    outputs = rpc.update(SSH_KEY, known, before, after)

    assert list(diff.replaces) == []
    assert unwrap_secrets(outputs["privateKey"]) != unwrap_secrets(known["privateKey"])
    assert isinstance(outputs["privateKey"], Secret)
    assert outputs["previousPublicKey"] == known["publicKey"]
    assert outputs["previousPrivateKey"] == known["privateKey"]
    assert outputs["fingerprint"] != known["fingerprint"]
    preview = rpc.update(SSH_KEY, known, before, after, preview=True)
    assert preview["publicKey"] is preview["fingerprint"] is UNKNOWN


def test_a_key_of_ones_own_is_taken_as_it_is(rpc: Rpc) -> None:
    _, own = rpc.create(SSH_KEY, {"comment": "own", "generation": "1"})
    inputs = {"comment": "demo", "generation": "1", "privateKey": own["privateKey"]}

    _, outputs = rpc.create(SSH_KEY, inputs)

    assert outputs["fingerprint"] == own["fingerprint"]
    assert outputs["publicKey"] == own["publicKey"].replace(" own", " demo")
    assert isinstance(outputs["privateKey"], Secret)


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("ssh-ed25519 AAAA", "is not a private key in OpenSSH's form"),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----\nbm9uc2Vuc2U=\n",
            "cannot be used: it cannot be read, or has a passphrase",
        ),
    ],
)
def test_a_key_that_cannot_be_used_is_refused_and_not_quoted(
    rpc: Rpc, key: str, reason: str
) -> None:
    inputs = {"comment": "demo", "generation": "1", "privateKey": Secret(key)}

    _, failures = rpc.check(SSH_KEY, inputs)

    fix = "an Ed25519 key in OpenSSH's form, without a passphrase"
    assert failures == {"privateKey": f"{reason}\n    {fix}"}


def test_a_key_of_another_kind_is_refused(rpc: Rpc) -> None:
    made = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    inputs = {"comment": "demo", "generation": "1", "privateKey": Secret(made.decode())}

    _, failures = rpc.check(SSH_KEY, inputs)

    assert failures["privateKey"].startswith("cannot be used: it is not an Ed25519 key\n")


def test_another_generation_of_a_token_is_another_password_under_the_same_authority(
    rpc: Rpc,
) -> None:
    before = {"caHash": CA_HASH, "userName": "node", "generation": "1"}
    _, known = rpc.create(TOKEN, before)
    after = {**before, "generation": "2"}

    diff = rpc.diff(TOKEN, before, after)
    outputs = unwrap_secrets(rpc.update(TOKEN, known, before, after))

    assert list(diff.replaces) == []
    assert outputs["password"] != unwrap_secrets(known["password"])
    assert outputs["token"] == f"K10{CA_HASH}::node:{outputs['password']}"


def test_a_token_of_a_restored_cluster_has_the_given_password(rpc: Rpc) -> None:
    inputs = {"caHash": CA_HASH, "userName": "server", "generation": "1", "given": "0a" * 16}
    _, known = rpc.create(TOKEN, inputs)
    assert unwrap_secrets(known["token"]) == f"K10{CA_HASH}::server:{'0a' * 16}"
    assert isinstance(known["given"], Secret)
    without = {key: value for key, value in inputs.items() if key != "given"}
    assert not rpc.diff(TOKEN, inputs, without, known=known).diffs
    other = {**without, "given": "0b" * 16}
    assert list(rpc.diff(TOKEN, without, other, known=known).diffs) == ["given"]
    assert unwrap_secrets(rpc.update(TOKEN, known, without, other)["password"]) == "0b" * 16
    assert "given" in rpc.check(TOKEN, {**without, "given": "a password"})[1]


def given_authority(known: dict[str, Any]) -> str:
    """The authority of another cluster, as a snapshot has it."""
    outputs = unwrap_secrets(known)
    names = ("server-ca.crt", "server-ca.key", "client-ca.crt", "client-ca.key")
    keys = ("serverCaCertificate", "serverCaKey", "clientCaCertificate", "clientCaKey")
    return json.dumps({name: outputs[key] for name, key in zip(names, keys, strict=True)})


def test_a_restored_cluster_has_the_given_authority(rpc: Rpc) -> None:
    plain = {"name": "demo", "expiryDays": 3650}
    _, of_the_snapshot = rpc.create(AUTHORITY, plain)
    inputs = {"name": "copy", "expiryDays": 3650, "given": given_authority(of_the_snapshot)}
    assert rpc.check(AUTHORITY, inputs)[1] == {}
    identity, restored = rpc.create(AUTHORITY, inputs)
    assert identity == of_the_snapshot["caHash"] == restored["caHash"]
    assert given_authority(restored) == inputs["given"]
    admin = _certificate(restored["adminCertificate"])
    admin.verify_directly_issued_by(_certificate(of_the_snapshot["clientCaCertificate"]))
    assert isinstance(restored["given"], Secret)
    # It is the same with and without what it was made from.
    without = {key: value for key, value in inputs.items() if key != "given"}
    assert not rpc.diff(AUTHORITY, inputs, without, known=restored).diffs
    assert not rpc.diff(AUTHORITY, without, inputs, known=restored).diffs


def test_a_running_cluster_does_not_become_another_one_by_a_snapshot(rpc: Rpc) -> None:
    plain = {"name": "demo", "expiryDays": 3650}
    (_, running), (_, other) = rpc.create(AUTHORITY, plain), rpc.create(AUTHORITY, plain)
    with pytest.raises(Failed) as failed:
        rpc.diff(AUTHORITY, plain, {**plain, "given": given_authority(other)}, known=running)
    assert failed.value.text.startswith(
        "cluster.restoreFrom: the snapshot is one of another cluster than the one of this stack"
    )


def test_what_is_no_authority_is_rejected_without_being_quoted(rpc: Rpc) -> None:
    _, known = rpc.create(AUTHORITY, {"name": "demo", "expiryDays": 3650})
    _, other = rpc.create(AUTHORITY, {"name": "demo", "expiryDays": 3650})
    content = json.loads(given_authority(known))
    mixed = {**content, "server-ca.key": json.loads(given_authority(other))["server-ca.key"]}
    for given in ("secret", "[]", "{}", json.dumps(mixed)):
        _, failures = rpc.check(AUTHORITY, {"name": "demo", "expiryDays": 1, "given": given})
        assert failures["given"].startswith("is not the authority of a cluster\n")


def test_the_administrators_certificate_chains_to_the_client_authority(rpc: Rpc) -> None:
    _, outputs = rpc.create(AUTHORITY, {"name": "demo", "expiryDays": 3650})
    authority = _certificate(outputs["clientCaCertificate"])
    admin = _certificate(outputs["adminCertificate"])

    # cryptography's own verification asks for a name, which a Kubernetes client has not.
    admin.verify_directly_issued_by(authority)
    organization, name = admin.subject.rdns
    assert organization.rfc4514_string() == "O=system:masters"
    assert name.rfc4514_string() == "CN=k3s-aws-admin"
    usage = admin.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    basic = admin.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert not basic.ca
    assert _fits(admin, unwrap_secrets(outputs["adminKey"]))


def test_both_authorities_are_self_signed_and_may_sign_certificates(rpc: Rpc) -> None:
    _, outputs = rpc.create(AUTHORITY, {"name": "demo", "expiryDays": 3650})

    for role in ("server", "client"):
        certificate = _certificate(outputs[f"{role}CaCertificate"])
        certificate.verify_directly_issued_by(certificate)
        assert certificate.subject.rfc4514_string() == f"CN=demo-{role}-ca"
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
        assert basic.critical
        assert basic.value.ca
        assert usage.critical
        assert usage.value.key_cert_sign
        assert usage.value.digital_signature
        assert usage.value.key_encipherment
        assert not usage.value.crl_sign
        own = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        issuer = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
        assert issuer.key_identifier == own.digest
        assert _fits(certificate, unwrap_secrets(outputs[f"{role}CaKey"]))
        assert outputs[f"{role}CaKey"].value.startswith("-----BEGIN EC PRIVATE KEY-----")


def test_certificates_are_valid_a_day_before_they_are_made_and_for_as_long_as_asked(
    rpc: Rpc,
) -> None:
    _, outputs = rpc.create(AUTHORITY, {"name": "demo", "expiryDays": 10})

    for key in ("serverCaCertificate", "clientCaCertificate", "adminCertificate"):
        certificate = _certificate(outputs[key])
        assert certificate.not_valid_before_utc == NOW - timedelta(days=1)
        assert certificate.not_valid_after_utc == NOW + timedelta(days=10)


def test_a_strict_verifier_accepts_what_the_server_authority_signs(rpc: Rpc) -> None:
    _, outputs = rpc.create(AUTHORITY, {"name": "demo", "expiryDays": 10})
    authority = _certificate(outputs["serverCaCertificate"])
    key = serialization.load_pem_private_key(unwrap_secrets(outputs["serverCaKey"]).encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    leaf = _leaf(authority, key)

    verifier = PolicyBuilder().store(Store([authority])).time(NOW)
    chain = verifier.build_server_verifier(x509.DNSName("k3s.test")).verify(leaf, [])

    assert chain == [leaf, authority]


def test_the_hash_is_of_the_certificates_bytes_with_the_last_newline(rpc: Rpc) -> None:
    identity, outputs = rpc.create(AUTHORITY, {"name": "demo", "expiryDays": 10})

    text = outputs["serverCaCertificate"]
    assert text.endswith("-----END CERTIFICATE-----\n")
    assert outputs["caHash"] == identity == hashlib.sha256(text.encode()).hexdigest()


def test_the_keys_of_an_authority_are_secret(rpc: Rpc) -> None:
    _, outputs = rpc.create(AUTHORITY, {"name": "demo", "expiryDays": 10})

    secret = sorted(key for key, value in outputs.items() if isinstance(value, Secret))
    assert secret == ["adminKey", "clientCaKey", "serverCaKey"]


def test_a_token_pins_the_authority(rpc: Rpc) -> None:
    identity, outputs = rpc.create(
        TOKEN, {"caHash": CA_HASH, "userName": "node", "generation": "1"}
    )

    password = unwrap_secrets(outputs["password"])
    assert len(password) == 32
    assert outputs["password"] == Secret(password)
    assert outputs["token"] == Secret(f"K10{CA_HASH}::node:{password}")
    assert identity.startswith("node-")
    assert password not in identity


def test_a_preview_of_new_keys_has_them_unknown(rpc: Rpc) -> None:
    identity, outputs = rpc.create(SSH_KEY, {"comment": "x", "generation": "1"}, preview=True)

    assert identity == ""
    assert outputs == {
        "comment": "x",
        "publicKey": UNKNOWN,
        "privateKey": Secret(UNKNOWN),
        "fingerprint": UNKNOWN,
        "previousPublicKey": UNKNOWN,
        "previousPrivateKey": Secret(UNKNOWN),
        "generation": "1",
    }


def test_another_image_is_no_change_while_the_generation_stays(rpc: Rpc) -> None:
    old = {"generation": "1", "imageId": "ami-1", "userData": "a"}

    same = rpc.diff(TEMPLATE, old, {**old, "imageId": "ami-2", "userData": UNKNOWN})
    changed = rpc.diff(TEMPLATE, old, {**old, "generation": "2", "imageId": "ami-2"})

    assert same.changes == same.DIFF_NONE
    assert changed.changes == changed.DIFF_SOME
    assert list(changed.diffs) == ["generation", "imageId"]
    assert list(changed.replaces) == []


def test_another_interface_takes_the_user_data_with_its_addresses(rpc: Rpc) -> None:
    old = {"generation": "1", "networkInterfaceId": "eni-1", "imageId": "ami-1", "userData": "a"}
    moved = rpc.diff(TEMPLATE, old, {**old, "networkInterfaceId": "eni-2", "userData": "b"})
    unknown = rpc.diff(TEMPLATE, old, {**old, "networkInterfaceId": UNKNOWN, "userData": UNKNOWN})
    assert list(moved.diffs) == list(unknown.diffs) == ["networkInterfaceId", "userData"]


def test_another_data_volume_takes_the_user_data_that_waits_for_it(rpc: Rpc) -> None:
    """Where somebody deleted it, a machine would wait for the previous one in vain."""
    old = {
        **{"generation": "1", "networkInterfaceId": "eni-1", "dataVolumeId": "vol-1"},
        **{"imageId": "ami-1", "userData": "a"},
    }
    lost = rpc.diff(TEMPLATE, old, {**old, "dataVolumeId": UNKNOWN, "userData": UNKNOWN})
    assert list(lost.diffs) == ["dataVolumeId", "userData"]
    before = {key: value for key, value in old.items() if key != "dataVolumeId"}
    found = rpc.diff(TEMPLATE, before, {**old, "userData": "b"})
    assert found.changes == found.DIFF_NONE


def test_an_interface_that_was_not_remembered_yet_changes_nothing(rpc: Rpc) -> None:
    old = {"generation": "1", "imageId": "ami-1", "userData": "a"}
    new = {**old, "networkInterfaceId": "eni-1", "userData": "b"}
    found = rpc.diff(TEMPLATE, old, new)
    assert found.changes == found.DIFF_NONE


@pytest.mark.parametrize("change", [{"generation": "2"}, {"networkInterfaceId": UNKNOWN}])
def test_a_machine_with_the_datastore_on_its_root_volume_is_not_replaced(
    rpc: Rpc, change: dict[str, str]
) -> None:
    old = {"generation": "1", "networkInterfaceId": "eni-1", "imageId": "ami-1", "userData": "a"}
    new = {**old, "hasDatastore": True, "imageId": "ami-2", "userData": "b"}
    same = rpc.diff(TEMPLATE, old, new)
    assert same.changes == same.DIFF_NONE
    with pytest.raises(Failed) as failed:
        rpc.diff(TEMPLATE, old, {**new, **change})
    assert failed.value.text == (
        "cluster: a change of this update replaces the server, while the datastore is on the root "
        "volume, where the release of the last update has put it\n"
        "    run pulumi up without this change first, which moves the datastore to its own volume"
    )
    # Afterwards nothing of it is left.
    assert rpc.diff(TEMPLATE, new, old).changes == same.DIFF_NONE
    assert list(rpc.diff(TEMPLATE, new, {**old, "generation": "2"}).diffs)


def test_another_generation_takes_image_and_user_data_even_in_a_preview(rpc: Rpc) -> None:
    old = {"generation": "1", "imageId": "ami-1", "userData": "a"}
    new = {"generation": "2", "imageId": "ami-2", "userData": "b"}

    assert rpc.update(TEMPLATE, old, old, new, preview=True) == new
    assert rpc.update(TEMPLATE, old, old, new) == new


def _certificate(pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.encode())


def _fits(certificate: x509.Certificate, key_pem: str) -> bool:
    key = serialization.load_pem_private_key(key_pem.encode(), None)
    return key.public_key() == certificate.public_key()


def _leaf(authority: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """A server certificate, as k3s makes them from the authority it is given."""
    own = ec.generate_private_key(ec.SECP256R1()).public_key()
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(authority.subject)
        .public_key(own)
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(identifier, critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("k3s.test")]), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
