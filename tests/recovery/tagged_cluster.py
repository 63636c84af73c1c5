"""The resources of one cluster in a local cloud, made as the program does, with given tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.localcloud.daemon.local_cloud import LocalCloud

TRUST = '{"Version": "2012-10-17", "Statement": []}'
POLICY = """{"Version": "2012-10-17", "Statement":
    [{"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": "*"}]}"""


@dataclass
class TaggedCluster:
    """`made` are the ids of everything that has the tags; `name` begins the names."""

    cloud: LocalCloud
    name: str
    tags: Mapping[str, str]
    cidr: str = "10.79.0.0/16"
    zone: str = ""
    made: dict[str, str] = field(default_factory=dict)

    def create(self, *, snapshots: bool = False) -> TaggedCluster:
        self._network()
        self._machine()
        self._endpoint()
        self._named(snapshots=snapshots)
        return self

    @property
    def pairs(self) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in self.tags.items()]

    def tagged(self, kind: str, **more: str) -> list[dict[str, Any]]:
        pairs = [*self.pairs, *({"Key": key, "Value": value} for key, value in more.items())]
        return [{"ResourceType": kind, "Tags": pairs}]

    def _network(self) -> None:
        ec2, made = self.cloud.ec2, self.made
        vpc = ec2.create_vpc(CidrBlock=self.cidr, TagSpecifications=self.tagged("vpc"))
        made["VPC"] = vpc["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(
            VpcId=made["VPC"],
            CidrBlock=self.cidr.replace("/16", "/20"),
            TagSpecifications=self.tagged("subnet"),
        )
        made["subnet"] = subnet["Subnet"]["SubnetId"]
        gateway = ec2.create_internet_gateway(TagSpecifications=self.tagged("internet-gateway"))
        made["internet gateway"] = gateway["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=made["internet gateway"], VpcId=made["VPC"])
        table = ec2.create_route_table(
            VpcId=made["VPC"], TagSpecifications=self.tagged("route-table")
        )
        made["route table"] = table["RouteTable"]["RouteTableId"]
        ec2.associate_route_table(RouteTableId=made["route table"], SubnetId=made["subnet"])
        for role in ("server", "agent"):
            group = ec2.create_security_group(
                GroupName=f"{self.name}-{role}",
                Description=role,
                VpcId=made["VPC"],
                TagSpecifications=self.tagged("security-group"),
            )
            made[f"security group of {role}s"] = group["GroupId"]
        server, agent = (made[f"security group of {role}s"] for role in ("server", "agent"))
        # They name each other.
        for group, source in ((server, agent), (agent, server)):
            self.cloud.admit(group, 10250, UserIdGroupPairs=[{"GroupId": source}])

    def _machine(self) -> None:
        ec2, made = self.cloud.ec2, self.made
        record = {"k3s-aws:record": f"{self.zone}/api.example.com"} if self.zone else {}
        interface = ec2.create_network_interface(
            SubnetId=made["subnet"],
            Groups=[made["security group of servers"]],
            TagSpecifications=self.tagged("network-interface", **record),
        )["NetworkInterface"]
        made["network interface"] = interface["NetworkInterfaceId"]
        address = ec2.allocate_address(
            Domain="vpc", TagSpecifications=self.tagged("elastic-ip", **record)
        )
        made["Elastic IP"] = address["AllocationId"]
        ec2.associate_address(
            AllocationId=made["Elastic IP"], NetworkInterfaceId=made["network interface"]
        )
        made["instance"] = self.cloud.run(
            made["network interface"], TagSpecifications=self.tagged("instance")
        )
        self.cloud.becomes(made["instance"], "running")
        zone = self.cloud.instance(made["instance"])["Placement"]["AvailabilityZone"]
        volume = ec2.create_volume(
            AvailabilityZone=zone, Size=10, TagSpecifications=self.tagged("volume")
        )
        made["volume"] = volume["VolumeId"]
        ec2.attach_volume(VolumeId=made["volume"], InstanceId=made["instance"], Device="/dev/sdf")
        if self.zone:
            self._record(address["PublicIp"])

    def _record(self, address: str) -> None:
        record = {
            "Name": "api.example.com",
            "Type": "A",
            "TTL": 60,
            "ResourceRecords": [{"Value": address}],
        }
        self.cloud.client("route53").change_resource_record_sets(
            HostedZoneId=self.zone,
            ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]},
        )

    def _endpoint(self) -> None:
        elb, made = self.cloud.client("elbv2"), self.made
        balancer = elb.create_load_balancer(
            Name=f"{self.name}-api", Type="network", Subnets=[made["subnet"]], Tags=self.pairs
        )["LoadBalancers"][0]
        group = elb.create_target_group(
            Name=f"{self.name}-api",
            Protocol="TCP",
            Port=6443,
            VpcId=made["VPC"],
            TargetType="ip",
            Tags=self.pairs,
        )["TargetGroups"][0]
        made["load balancer"] = balancer["LoadBalancerArn"]
        made["target group"] = group["TargetGroupArn"]
        elb.create_listener(
            LoadBalancerArn=made["load balancer"],
            Protocol="TCP",
            Port=6443,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": made["target group"]}],
        )

    def _named(self, *, snapshots: bool) -> None:
        iam, made = self.cloud.client("iam"), self.made
        role = f"{self.name}-server-0a1b2c3"
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=TRUST, Tags=self.pairs)
        iam.put_role_policy(RoleName=role, PolicyName="inline", PolicyDocument=POLICY)
        iam.create_instance_profile(InstanceProfileName=role, Tags=self.pairs)
        iam.add_role_to_instance_profile(InstanceProfileName=role, RoleName=role)
        made["role"] = made["instance profile"] = role
        parameter = f"/k3s-aws/{self.name}/token"
        self.cloud.client("ssm").put_parameter(
            Name=parameter, Value="x", Type="SecureString", Tags=self.pairs
        )
        made["SSM parameter"] = parameter
        s3, bucket = self.cloud.client("s3"), f"{self.name}-files-0a1b2c3"
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": self.pairs})
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        for content in (b"one", b"two"):
            s3.put_object(Bucket=bucket, Key="k3s", Body=content)
        s3.delete_object(Bucket=bucket, Key="k3s")
        if snapshots:
            s3.put_object(Bucket=bucket, Key="snapshots/demo/1.gz", Body=b"data")
        made["bucket"] = bucket
