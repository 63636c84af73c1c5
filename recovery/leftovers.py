"""
What an interrupted creation may have left in AWS, kind by kind.

A leftover is identified by the inputs of the creation: the interface, network or group it belongs
to, which is in the state, or its name. What has tags must have all those of the inputs: a name
alone may be another stack's, and a parameter has a tag that no other cluster has. A VPC, an Elastic
IP or a gateway that belongs to nothing yet is identified by its tags alone, and can be removed only
because nothing uses it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from recovery import ec2_searches, endpoint_searches, named_searches
from recovery.interrupted import Interrupted
from recovery.leftover import Client, Inputs, Leftover


def find(interrupted: Interrupted, client: Client) -> list[Leftover]:
    """
    Everything the interrupted creations left, in the order in which it can be removed.

    `client` makes the AWS client of a service. Asks AWS and changes nothing.
    """
    found: dict[str, Leftover] = {}
    # What uses something comes before what it uses.
    for kind, search in KINDS.items():
        for creation in interrupted.creations:
            if creation.kind == kind:
                for leftover in search(client, creation.inputs):
                    if leftover.id not in interrupted.recorded_ids:
                        found.setdefault(leftover.id, leftover)
    return list(found.values())


def unknown_kinds(interrupted: Interrupted) -> list[str]:
    """The AWS types among the interrupted creations that cannot be searched for here."""
    kinds = {each.kind for each in interrupted.creations if each.kind.startswith("aws:")}
    return sorted(kinds - KINDS.keys() - REPEATABLE)


KINDS: Mapping[str, Callable[[Client, Inputs], Iterator[Leftover]]] = {
    "aws:lb/listener:Listener": endpoint_searches.listeners,
    "aws:lb/loadBalancer:LoadBalancer": endpoint_searches.load_balancers,
    "aws:lb/targetGroup:TargetGroup": endpoint_searches.target_groups,
    "aws:route53/record:Record": endpoint_searches.records,
    "aws:ec2/instance:Instance": ec2_searches.instances,
    "aws:ebs/volume:Volume": ec2_searches.volumes,
    "aws:ec2/eip:Eip": ec2_searches.addresses,
    "aws:ec2/networkInterface:NetworkInterface": ec2_searches.interfaces,
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": ec2_searches.rules,
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": ec2_searches.rules,
    "aws:ec2/securityGroup:SecurityGroup": ec2_searches.groups,
    "aws:ec2/routeTableAssociation:RouteTableAssociation": ec2_searches.associations,
    "aws:ec2/route:Route": ec2_searches.routes,
    "aws:ec2/routeTable:RouteTable": ec2_searches.tables,
    "aws:ec2/internetGateway:InternetGateway": ec2_searches.gateways,
    "aws:ec2/subnet:Subnet": ec2_searches.subnets,
    "aws:ec2/vpc:Vpc": ec2_searches.vpcs,
    "aws:iam/instanceProfile:InstanceProfile": named_searches.profiles,
    "aws:iam/rolePolicy:RolePolicy": named_searches.policies,
    "aws:iam/role:Role": named_searches.roles,
    "aws:ssm/parameter:Parameter": named_searches.parameters,
    "aws:s3/bucket:Bucket": named_searches.buckets,
}
REPEATABLE = {
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "aws:s3/bucketObjectv2:BucketObjectv2",
    "aws:ec2/volumeAttachment:VolumeAttachment",
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:lb/targetGroupAttachment:TargetGroupAttachment",
}
"""Types whose creation the next update repeats with the same effect."""
