"""The resources and outputs of the whole program."""

from __future__ import annotations

import asyncio
import json

import pytest

from cluster import bucket, config, machine_files, parameters, policies
from cluster.reading import checks
from cluster.spec import Role
from components.parameter import wait_for_the_name
from tests.cluster.parts import files_of, unpacked
from tests.components.recording import (
    CONFIGURATION,
    SECRET_MARK,
    Built,
    Recorded,
    build,
    finish,
)

NODES = {
    "demo-servers-0": "server",
    "demo-agents-0": "agent",
    "demo-agents-1": "agent",
    "demo-builders-0": "agent",
}
INSTANCE = "aws:ec2/instance:Instance"
OPEN = {"apiAllowedCidrs": ["203.0.113.0/24"], "sshAllowedCidrs": []}
PARAMETER = "aws:ssm/parameter:Parameter"
KMS_KEY = "arn:aws:kms:eu-central-1:123456789012:key/mrk-0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d"


def user_data(built: Built, name: str) -> dict[str, str]:
    """The files in the user data of a machine, by path."""
    template = built.of("k3s:index:MachineTemplate")[name]
    return files_of(unpacked(template.inputs["userData"]))


def test_every_node_is_an_instance_and_a_kubernetes_node(built: Built) -> None:
    assert set(built.of(INSTANCE)) == set(NODES)
    assert set(built.of("k3s:index:Node")) == set(NODES)
    assert {name: node.inputs["role"] for name, node in built.of("k3s:index:Node").items()} == NODES


def test_no_resource_but_the_cluster_hangs_from_the_stack(built: Built) -> None:
    stack = "pulumi:pulumi:Stack"
    under_a_component = [each for each in built.resources if each.parent not in ("", stack)]
    at_the_top = {each.type for each in built.resources} - {each.type for each in under_a_component}
    assert sorted(at_the_top - {stack}) == ["k3s:aws:K3sCluster"]


def test_instances_require_session_tokens_for_metadata_and_stop_at_one_hop(built: Built) -> None:
    for instance in built.of(INSTANCE).values():
        assert instance.inputs["metadataOptions"] == {
            "httpEndpoint": "enabled",
            "httpTokens": "required",
            "httpPutResponseHopLimit": 1.0,
        }


def test_root_volumes_are_encrypted_and_of_the_size_of_the_pool(built: Built) -> None:
    volumes = {n: i.inputs["rootBlockDevice"] for n, i in built.of(INSTANCE).items()}
    assert all(volume["encrypted"] is True for volume in volumes.values())
    assert {name: volume["volumeSize"] for name, volume in volumes.items()} == {
        "demo-servers-0": 20,
        "demo-agents-0": 20,
        "demo-agents-1": 20,
        "demo-builders-0": 50,
    }


def test_the_image_follows_the_architecture_that_ec2_gives_for_the_type(built: Built) -> None:
    templates = built.of("k3s:index:MachineTemplate")
    images = {name: each.inputs["imageId"] for name, each in templates.items()}
    assert images == {
        "demo-servers-0": "ami-arm64",
        "demo-agents-0": "ami-arm64",
        "demo-agents-1": "ami-arm64",
        "demo-builders-0": "ami-amd64",
    }


def test_each_instance_type_and_each_image_is_looked_up_once(built: Built) -> None:
    asked = [args.get("instanceType") or args.get("name") for _, args in built.looked_up]
    assert sorted(each for each in asked if each) == [
        "/aws/service/debian/release/12/latest/amd64",
        "/aws/service/debian/release/12/latest/arm64",
        "t3.large",
        "t4g.small",
    ]


def test_an_instance_waits_for_its_address_its_parameters_and_its_policy(built: Built) -> None:
    for name, instance in built.of(INSTANCE).items():
        role = NODES[name]
        waits = {
            urn.split("::")[2].split("$")[-1] + " " + urn.split("::")[3]
            for urn in instance.depends_on
        }
        assert f"aws:ec2/eip:Eip {name}" in waits
        assert f"aws:iam/rolePolicy:RolePolicy demo-{role}" in waits
        assert f"{PARAMETER} {name}-host-key" in waits
        assert f"{PARAMETER} demo-{role}-token" in waits


def test_another_generation_replaces_a_machine_whatever_its_user_data(
    built: Built,
) -> None:
    templates = built.of("k3s:index:MachineTemplate")
    for name, instance in built.of(INSTANCE).items():
        assert instance.replacement_trigger == templates[name].inputs["generation"] != ""


def test_agents_join_again_when_the_data_is_other_data(built: Built) -> None:
    (datastore,) = built.of("k3s:index:Datastore").values()
    assert datastore.inputs["storageId"] == "demo-servers-0-data-id"
    for name, node in built.of("k3s:index:Node").items():
        expected = "demo-id" if NODES[name] == "agent" else None
        assert node.inputs.get("datastoreId") == expected


def test_the_datastore_is_recorded_once_the_first_server_is_ready(built: Built) -> None:
    record = built.of(PARAMETER)["demo-datastore"]
    assert record.inputs["name"] == "/k3s-aws/dev/demo/server/datastore"
    assert record.inputs["type"] == "String"
    assert record.inputs["insecureValue"] == "demo-servers-0-data-id"
    assert any(each.endswith("k3s:index:Node::demo-servers-0") for each in record.depends_on)


def test_an_instance_leaves_its_interface_before_the_next_one_takes_it(built: Built) -> None:
    for name, instance in built.of(INSTANCE).items():
        assert instance.delete_before_replace
        assert instance.inputs["primaryNetworkInterface"] == {"networkInterfaceId": f"{name}-id"}


def test_agents_join_through_the_private_address_of_the_server(built: Built) -> None:
    for name, role in NODES.items():
        config = built.of("k3s:index:Node")[name].inputs["nodeConfig"]["pool"]
        expected = {"urls": ["https://private-demo-servers-0:6443"]} if role == "agent" else None
        assert config.get("join") == expected


def test_user_data_has_the_node_configuration_that_the_node_has_as_its_input(
    built: Built,
) -> None:
    for name in NODES:
        inputs = built.of("k3s:index:Node")[name].inputs
        deadline = {"deadlineSeconds": inputs["deadlineSeconds"]}
        content = json.loads(user_data(built, name)[machine_files.NODE])
        assert content == {**inputs["nodeConfig"], **deadline}


def test_agents_nodes_come_after_the_servers_and_go_with_the_cluster(built: Built) -> None:
    for name, role in NODES.items():
        node = built.of("k3s:index:Node")[name]
        after_server = any(
            urn.endswith("k3s:index:Node::demo-servers-0") for urn in node.depends_on
        )
        assert after_server is (role == "agent")
        # On its destruction nothing is drained.
        assert node.deleted_with.endswith("k3s:index:CertificateAuthority::demo")


def test_agents_boot_without_waiting_for_the_servers_node(built: Built) -> None:
    for instance in built.of(INSTANCE).values():
        assert not [urn for urn in instance.depends_on if "k3s:index:Node" in urn]


def secrets(built: Built) -> dict[str, Recorded]:
    """All parameters except the one that records the datastore."""
    return {name: each for name, each in built.of(PARAMETER).items() if name != "demo-datastore"}


def test_every_secret_travels_in_a_secure_string_of_its_own(built: Built) -> None:
    parameters = secrets(built)
    assert {each.inputs["name"] for each in parameters.values()} == {
        "/k3s-aws/dev/demo/server/token",
        "/k3s-aws/dev/demo/server/agent-token",
        "/k3s-aws/dev/demo/server/certificate-authority",
        "/k3s-aws/dev/demo/server/authorized-keys",
        "/k3s-aws/dev/demo/server/host-keys/private-demo-servers-0",
        "/k3s-aws/dev/demo/agent/token",
        "/k3s-aws/dev/demo/agent/authorized-keys",
        "/k3s-aws/dev/demo/agent/host-keys/private-demo-agents-0",
        "/k3s-aws/dev/demo/agent/host-keys/private-demo-agents-1",
        "/k3s-aws/dev/demo/agent/host-keys/private-demo-builders-0",
    }
    for parameter in parameters.values():
        assert parameter.inputs["type"] == "SecureString"
        assert parameter.is_secret("value")


def test_the_authority_reaches_the_server_under_the_names_k3s_expects(built: Built) -> None:
    text = built.of(PARAMETER)["demo-server-certificate-authority"].plain("value")
    assert json.loads(text) == {
        "server-ca.crt": "serverCaCertificate",
        "server-ca.key": "serverCaKey",
        "client-ca.crt": "clientCaCertificate",
        "client-ca.key": "clientCaKey",
    }


def test_a_role_reads_the_parameters_of_its_own_machines_only(built: Built) -> None:
    policies = {
        name: json.loads(policy.inputs["policy"])["Statement"]
        for name, policy in built.of("aws:iam/rolePolicy:RolePolicy").items()
    }
    home = "arn:aws:ssm:eu-central-1:123456789012:parameter/k3s-aws/dev/demo"
    shared, *own = policies["demo-agent"]
    assert shared["Resource"] == [f"{home}/agent/authorized-keys", f"{home}/agent/token"]
    for name, statement in zip(("agents-0", "agents-1", "builders-0"), own, strict=True):
        assert statement["Resource"] == f"{home}/agent/host-keys/private-demo-{name}"
        address = {"aws:EC2InstanceSourcePrivateIPv4": f"private-demo-{name}/32"}
        assert statement["Condition"] == {"IpAddress": address}
    shared, own_of_server = policies["demo-server"]
    assert shared["Resource"] == [
        f"{home}/server/agent-token",
        f"{home}/server/authorized-keys",
        f"{home}/server/certificate-authority",
        f"{home}/server/datastore",
        f"{home}/server/token",
    ]
    assert own_of_server["Resource"] == f"{home}/server/host-keys/private-demo-servers-0"


def test_no_policy_has_a_variable(built: Built) -> None:
    """Every boot depends on these policies, and none of them has met a variable on AWS."""
    for policy in built.of("aws:iam/rolePolicy:RolePolicy").values():
        assert "${" not in policy.inputs["policy"]


def test_a_role_is_denied_its_parameters_once_its_nodes_are_there(built: Built) -> None:
    for role in ("server", "agent"):
        policy = built.of("aws:iam/rolePolicy:RolePolicy")[f"demo-{role}-deny-parameters"]
        (statement,) = json.loads(policy.inputs["policy"])["Statement"]
        mine = sorted(name for name, each in NODES.items() if each == role)
        assert statement == {
            "Effect": "Deny",
            "Action": ["ssm:GetParameter*"],
            "Resource": ["arn:aws:ssm:eu-central-1:123456789012:parameter/k3s-aws/dev/demo/*"],
            "Condition": {"StringLike": {"ec2:SourceInstanceARN": [f"*/{n}-id" for n in mine]}},
        }
        waits = {urn.rsplit("::", 1)[-1] for urn in policy.depends_on if "index:Node:" in urn}
        assert waits == set(mine)


def test_so_many_agents_that_a_policy_has_no_room_for_them_share_several_roles(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(policies, "MACHINES_OF_A_ROLE", 2)
    built = build(CONFIGURATION)
    found = built.of("aws:iam/rolePolicy:RolePolicy")
    assert set(found) == {
        *("demo-server", "demo-agent", "demo-agent-2"),
        *("demo-server-deny-parameters", "demo-agent-deny-parameters"),
        "demo-agent-2-deny-parameters",
    }
    assert "builders-0" not in found["demo-agent"].inputs["policy"]
    assert "builders-0" in found["demo-agent-2"].inputs["policy"]
    profiles = {
        name: each.inputs["iamInstanceProfile"] for name, each in built.of(INSTANCE).items()
    }
    assert profiles["demo-agents-1"] == "demo-agent"
    assert profiles["demo-builders-0"] == "demo-agent-2"
    assert "demo-builders-0-id" in found["demo-agent-2-deny-parameters"].inputs["policy"]


@pytest.mark.parametrize(
    ("role", "machines"), [("server", 5), ("agent", policies.MACHINES_OF_A_ROLE)]
)
def test_the_policies_of_a_role_have_room_for_its_machines(role: Role, machines: int) -> None:
    """With the longest names: of the stack, the partition, the region and the bucket."""
    raw = {"name": "n" * checks.NAME_LENGTH, "network": OPEN, "manifests": [], "pools": []}
    cluster = config.load(raw, stack="s" * 100)

    def arn(name: str) -> str:
        return parameters.arn(
            name, partition="aws-us-gov", region="ap-southeast-1", account_id="1" * 12
        )

    shared = [arn(each) for each in parameters.readable_by(cluster, role, registries=True)]
    addresses = [f"100.100.100.{100 + index}" for index in range(machines)]
    own = {each: arn(parameters.host_key(cluster, role, each)) for each in addresses}
    objects = [
        f"arn:aws-us-gov:s3:::{'b' * 63}/{each}/*" for each in bucket.readable(cluster, role)
    ]
    key = f"arn:aws-us-gov:kms:ap-southeast-1:{'1' * 12}:key/mrk-{'0' * 32}"
    snapshots = [f"arn:aws-us-gov:s3:::{'b' * 63}/snapshots/*"] if role == "server" else []
    written = policies.write(snapshots, key)
    ids = [f"i-{index:017x}" for index in range(machines)]
    policy_documents = [
        json.dumps(policies.read(shared, own, objects, key, written)),
        json.dumps(policies.deny_parameters(arn(parameters.everything(cluster)), ids)),
    ]
    assert len("".join("".join(policy_documents).split())) < 10_240


@pytest.fixture(scope="module")
def with_own_key() -> Built:
    return build({**CONFIGURATION, "parameterKmsKeyArn": KMS_KEY})


def test_the_parameters_are_encrypted_with_the_key_that_is_given(
    built: Built, with_own_key: Built
) -> None:
    accounts = {each.inputs["keyId"] for each in secrets(built).values()}
    assert accounts == {"alias/aws/ssm"}
    assert {each.inputs["keyId"] for each in secrets(with_own_key).values()} == {KMS_KEY}
    policies_of_roles = with_own_key.of("aws:iam/rolePolicy:RolePolicy")
    policy = json.loads(policies_of_roles["demo-agent"].inputs["policy"])
    read, *own, decrypt = policy["Statement"]
    assert (decrypt["Action"], decrypt["Resource"]) == (["kms:Decrypt"], [KMS_KEY])
    context = decrypt["Condition"]["StringLike"]["kms:EncryptionContext:PARAMETER_ARN"]
    home = "arn:aws:ssm:eu-central-1:123456789012:parameter/k3s-aws/dev/demo/agent"
    assert context == [f"{home}/*"]
    assert all(each.startswith(f"{home}/") for each in read["Resource"])
    assert len(own) == 3


def test_another_value_under_an_own_key_is_another_parameter_of_the_same_name(
    built: Built, with_own_key: Built
) -> None:
    """Written over the old one it would be under the account's key."""
    for each in secrets(with_own_key).values():
        assert each.replace_on_changes == {"value"}
        assert each.delete_before_replace
        assert each.waits_to_be_created
    for each in secrets(built).values():
        assert each.replace_on_changes == set()
        assert not each.waits_to_be_created


@pytest.mark.parametrize(("machines", "waited"), [({}, []), ({"servers": 1}, [30])])
def test_a_parameter_that_may_have_been_deleted_is_not_created_at_once(
    machines: dict[str, int], waited: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    finish(wait_for_the_name(machines))
    assert slept == waited


def test_user_data_holds_no_key_and_no_secret(built: Built) -> None:
    for name in NODES:
        text = json.dumps(user_data(built, name))
        assert "ssh-ed25519" not in text.replace("ssh_host_ed25519", "")
        assert "word" not in user_data(built, name)["/etc/k3s-aws/node.json"]
        assert "serverCaKey" not in text


def test_every_node_has_the_secrets_of_its_machine_except_the_authority(
    built: Built,
) -> None:
    for name, role in NODES.items():
        node = built.of("k3s:index:Node")[name]
        assert node.is_secret("secrets")
        token = (
            {"token": "K10ab::node:word", "agentToken": "word"}
            if role == "server"
            else {"token": "K10ab::node:word"}
        )
        assert json.loads(node.plain("secrets")) == {
            **token,
            "authorizedKeys": "ssh-ed25519 demo-login-key",
            "hostKey": f"{name}-host-key",
        }


def test_a_raised_number_regenerates_its_own_kind_of_secret_and_replaces_no_machine(
    built: Built,
) -> None:
    def generations(made: Built) -> dict[str, str]:
        kinds = ("k3s:index:SshKey", "k3s:index:Token", "k3s:index:MachineTemplate")
        return {
            f"{kind[10:]} {name}": each.inputs["generation"]
            for kind in kinds
            for name, each in made.of(kind).items()
        }

    rotation = {"joinTokens": 2, "loginKey": 3, "hostKeys": 4}
    before = generations(built)
    host_keys = [f"SshKey {name}-host-key" for name in NODES]
    assert generations(build({**CONFIGURATION, "rotation": rotation})) == {
        **before,
        **dict.fromkeys(("Token demo-server", "Token demo-agent"), "2"),
        "SshKey demo-login-key": "3",
        **{name: f"{before[name].removesuffix('-1')}-4" for name in host_keys},
    }


def test_the_operators_own_login_key_is_a_secret_input_of_the_login_key_alone() -> None:
    built = build(CONFIGURATION, login_key="own key")
    keys = built.of("k3s:index:SshKey")
    assert keys["demo-login-key"].is_secret("privateKey")
    assert keys["demo-login-key"].plain("privateKey") == "own key"
    assert [name for name, each in keys.items() if "privateKey" in each.inputs] == [
        "demo-login-key"
    ]


def test_with_ssh_switched_off_nothing_is_reached_by_it_and_no_port_is_open() -> None:
    network = {**CONFIGURATION["network"], "sshAllowedCidrs": []}
    built = build({**CONFIGURATION, "network": network})
    reached = [*built.of("k3s:index:Node").values(), *built.of("k3s:index:Kubeconfig").values()]
    assert {each.inputs["ssh"]["enabled"] for each in reached} == {False}
    rules = built.of("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule").values()
    assert [rule.name for rule in rules if rule.inputs["fromPort"] == 22] == []


def test_only_listed_addresses_reach_the_api_and_ssh(built: Built) -> None:
    rules = built.of("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule").values()
    from_cidr = sorted(
        (
            str(rule.inputs["cidrIpv4"]),
            int(rule.inputs["fromPort"]),
            str(rule.inputs["securityGroupId"]),
        )
        for rule in rules
        if "cidrIpv4" in rule.inputs
    )
    assert from_cidr == [
        ("198.51.100.7/32", 22, "demo-agent-id"),
        ("198.51.100.7/32", 22, "demo-server-id"),
        ("203.0.113.0/24", 6443, "demo-server-id"),
    ]


def test_a_node_has_the_previous_keys_as_inputs(built: Built) -> None:
    for name, node in built.of("k3s:index:Node").items():
        assert node.inputs["ssh"]["enabled"] is True
        assert node.inputs["ssh"]["previousHostKey"] == f"ssh-ed25519 previous-{name}-host-key"
        assert "previous-demo-login-key" in json.dumps(node.inputs["ssh"]["previousPrivateKey"])


def test_private_keys_are_secret_inputs_of_the_nodes(built: Built) -> None:
    for node in built.of("k3s:index:Node").values():
        assert SECRET_MARK in json.dumps(node.inputs["ssh"])
        assert node.is_secret("secrets")
        assert SECRET_MARK in json.dumps(node.inputs["api"])


def test_the_default_is_a_deployer_and_no_administrators_kubeconfig(built: Built) -> None:
    (identity,) = built.of("k3s:index:Identity").values()
    assert {key: each for key, each in identity.inputs.items() if key != "api"} == {
        "datastoreId": "demo-id",
        "clusterName": "demo",
        "name": "deployer",
        "clusterRole": "edit",
        "namespaces": ["default"],
        "clusterReads": ["nodes", "namespaces"],
        "expiryDays": 90,
        "generation": 1,
        "podSecurity": "baseline",
        "deadlineSeconds": 600,
    }
    assert built.of("k3s:index:Kubeconfig") == {}
    assert built.outputs["adminKubeconfig"] is None


def test_identities_come_after_the_servers_node_and_go_with_the_cluster(built: Built) -> None:
    (identity,) = built.of("k3s:index:Identity").values()
    after = {urn.split("$")[-1] for urn in identity.depends_on}
    assert "k3s:index:Node::demo-servers-0" in after
    assert not [urn for urn in after if "agents" in urn]
    assert identity.deleted_with.endswith("k3s:index:CertificateAuthority::demo")
    assert SECRET_MARK in json.dumps(identity.inputs["api"])


def test_kubeconfigs_are_secret_outputs_and_the_endpoint_is_not(built: Built) -> None:
    assert built.outputs["kubeconfigs"] == {"deployer": "of demo-deployer"}
    assert built.outputs["kubeconfigsAreSecret"] == {"deployer": True}
    assert built.outputs["apiEndpoint"] == "https://public-demo-servers-0:6443"
    assert built.outputs["apiEndpointIsSecret"] is False


def test_every_node_is_in_the_outputs(built: Built) -> None:
    assert [node["role"] for node in built.outputs["nodes"]] == list(NODES.values())
    assert set(built.outputs["bootReport"]) == set(NODES)


def test_every_parameter_has_a_tag_that_no_other_cluster_has(built: Built) -> None:
    parameters = built.of(PARAMETER)
    assert len(parameters) > 5
    for each in parameters.values():
        assert each.inputs["tags"]["k3s-aws:authority"] == "ab" * 8
        assert each.inputs["tags"]["k3s-aws:cluster"] == "demo"


def test_the_cluster_records_where_it_is(built: Built) -> None:
    (cluster,) = built.of("k3s:aws:K3sCluster").values()
    assert cluster.inputs == {"accountId": "123456789012", "region": "eu-central-1"}
