"""A network load balancer in front of two real machines."""

from __future__ import annotations

import http.client
import subprocess
from dataclasses import dataclass
from typing import Any

import pytest

from localcloud.aws_api.public_images import IMAGES
from tests.localcloud.daemon import test_on_docker
from tests.localcloud.daemon.local_cloud import client
from tests.localcloud.daemon.test_on_docker import Cloud, Home, until

pytestmark = pytest.mark.localcloud
home = test_on_docker.home

CIDR, PORT = "10.214.0.0/16", 80
SERVER_PORT = 8080
# Serves its hostname.
USER_DATA = f"""#cloud-config
runcmd:
  - hostname > /srv/index.html
  - systemd-run python3 -m http.server {SERVER_PORT} --directory /srv
"""


@dataclass
class Site:
    """Two machines in two zones that admit a load balancer alone, and the load balancer."""

    cloud: Cloud
    elbv2: Any
    instances: list[str]
    names: list[str]
    balancer: dict[str, Any]
    target_group: str

    def responses(self, count: int = 20) -> set[str | None]:
        """The hostname, or None for a failure, of so many requests to the load balancer."""
        return {request(self.balancer["DNSName"], PORT) for _ in range(count)}

    def health(self) -> set[str]:
        found = self.elbv2.describe_target_health(TargetGroupArn=self.target_group)
        return {each["TargetHealth"]["State"] for each in found["TargetHealthDescriptions"]}

    def addresses_here(self) -> str:
        """The private addresses of the cloud that this host itself has."""
        label = f"lo:{self.cloud.home.status()['id']}"
        words = ["ip", "-o", "address", "show", "dev", "lo", "label", label]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout

    def delete(self) -> None:
        self.elbv2.delete_load_balancer(LoadBalancerArn=self.balancer["LoadBalancerArn"])
        self.elbv2.delete_target_group(TargetGroupArn=self.target_group)


def request(address: str, port: int) -> str | None:
    connection = http.client.HTTPConnection(address, port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode().strip()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def admit(ec2: Any, group: str, port: int, **source: Any) -> None:
    rule = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **source}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])


def run(ec2: Any, subnet: str, group: str) -> tuple[str, str]:
    """An instance and its private address."""
    made = ec2.run_instances(
        ImageId=next(each.ami for each in IMAGES if each.architecture == "x86_64"),
        InstanceType="t3.small",
        MinCount=1,
        MaxCount=1,
        UserData=USER_DATA,
        MetadataOptions={"HttpTokens": "required"},
        SubnetId=subnet,
        SecurityGroupIds=[group],
    )
    instance = made["Instances"][0]
    return instance["InstanceId"], instance["PrivateIpAddress"]


def group_of_targets(elbv2: Any, vpc: str, addresses: list[str]) -> str:
    made = elbv2.create_target_group(
        Name="servers",
        Protocol="TCP",
        Port=SERVER_PORT,
        VpcId=vpc,
        TargetType="ip",
        HealthCheckProtocol="HTTP",
        HealthCheckIntervalSeconds=5,
        HealthCheckTimeoutSeconds=2,
        HealthyThresholdCount=2,
        UnhealthyThresholdCount=2,
    )
    arn = str(made["TargetGroups"][0]["TargetGroupArn"])
    elbv2.register_targets(TargetGroupArn=arn, Targets=[{"Id": each} for each in addresses])
    return arn


def balancer_for(elbv2: Any, subnets: list[str], group: str, targets: str) -> dict[str, Any]:
    made = elbv2.create_load_balancer(
        Name="api", Type="network", Subnets=subnets, SecurityGroups=[group]
    )
    balancer: dict[str, Any] = made["LoadBalancers"][0]
    elbv2.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="TCP",
        Port=PORT,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": targets}],
    )
    return balancer


@pytest.fixture
def site(home: Home) -> Site:
    started = home.start()
    assert started.returncode == 0, started.stderr
    endpoint = started.stdout.strip()
    ec2, elbv2 = client("ec2", endpoint), client("elbv2", endpoint)
    vpc = ec2.create_vpc(CidrBlock=CIDR)["Vpc"]["VpcId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for cidr, zone in (("10.214.0.0/24", "us-east-1a"), ("10.214.1.0/24", "us-east-1b"))
    ]
    outer, inner = (
        ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
        for name in ("balancer", "servers")
    )
    admit(ec2, outer, PORT, IpRanges=[{"CidrIp": "127.0.0.0/8"}, {"CidrIp": CIDR}])
    admit(ec2, inner, SERVER_PORT, UserIdGroupPairs=[{"GroupId": outer}])
    made = [run(ec2, each, inner) for each in subnets]
    cloud = Cloud(home, ec2, subnets[0], inner)
    for instance_id, _ in made:
        cloud.becomes(instance_id, "running")
    targets = group_of_targets(elbv2, vpc, [address for _, address in made])
    balancer = balancer_for(elbv2, subnets, outer, targets)
    names = [f"ip-{address.replace('.', '-')}" for _, address in made]
    site = Site(cloud, elbv2, [each for each, _ in made], names, balancer, targets)
    until(lambda: site.health() == {"healthy"})
    return site


def test_requests_go_on_while_a_machine_is_stopped_and_nothing_is_left(site: Site) -> None:
    first, second = site.instances
    assert site.responses() == set(site.names)
    # The load balancer is in the network too, and the machines admit nobody else.
    node = site.addresses_here().split()[3].partition("/")[0]
    fetch = (
        "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=3).read().decode())"
    )
    code, output = site.cloud.inside(first, "python3", "-c", fetch, f"http://{node}:{PORT}/")
    assert (code, output.strip() in site.names) == (0, True), output
    neighbour = site.names[1].removeprefix("ip-").replace("-", ".")
    directly = f"http://{neighbour}:{SERVER_PORT}/"
    assert site.cloud.inside(first, "python3", "-c", fetch, directly)[0] != 0

    site.cloud.ec2.stop_instances(InstanceIds=[second])
    until(lambda: site.health() == {"healthy", "unhealthy"})
    assert site.responses() == {site.names[0]}
    site.cloud.ec2.start_instances(InstanceIds=[second])
    site.cloud.becomes(second, "running")
    serving = ["systemd-run", "python3", "-m", "http.server", str(SERVER_PORT), "-d", "/srv"]
    until(lambda: site.cloud.inside(second, *serving)[0] == 0)
    until(lambda: site.health() == {"healthy"})
    assert site.responses() == set(site.names)

    site.delete()
    until(lambda: site.addresses_here() == "")
    assert site.responses(1) == {None}
