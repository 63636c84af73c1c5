"""The resource types of the stand-in, one class each, by AWS service."""

from localcloud.aws_plugin.resources.compute import Instance
from localcloud.aws_plugin.resources.iam import InstanceProfile, Role, RolePolicy
from localcloud.aws_plugin.resources.interfaces import Eip, NetworkInterface
from localcloud.aws_plugin.resources.kind import Kind
from localcloud.aws_plugin.resources.network import (
    InternetGateway,
    Route,
    RouteTable,
    RouteTableAssociation,
    Subnet,
    Vpc,
)
from localcloud.aws_plugin.resources.parameters import Parameter
from localcloud.aws_plugin.resources.security_groups import (
    SecurityGroup,
    SecurityGroupEgressRule,
    SecurityGroupIngressRule,
)
from localcloud.aws_plugin.resources.storage import Bucket, BucketObject, BucketPublicAccessBlock

KINDS: dict[str, Kind] = {
    kind.token: kind
    for kind in (
        Vpc(),
        Subnet(),
        InternetGateway(),
        RouteTable(),
        Route(),
        RouteTableAssociation(),
        SecurityGroup(),
        SecurityGroupIngressRule(),
        SecurityGroupEgressRule(),
        NetworkInterface(),
        Eip(),
        Instance(),
        Role(),
        RolePolicy(),
        InstanceProfile(),
        Parameter(),
        Bucket(),
        BucketPublicAccessBlock(),
        BucketObject(),
    )
}
