"""
A machine whose user data and SSH rule are not known at the preview.

With `broken` it has no tags, the API is open to all, and SSH to two wide ranges.
"""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

BROKEN = pulumi.Config().get_bool("broken")
TAGS = {"owner": "ada", "expiry": "2027-01-31"}

address = aws.ec2.Eip("address", domain="vpc", tags=TAGS)
group = aws.ec2.SecurityGroup("group", vpc_id="vpc-0aaaaaaaa", description="machines")
aws.vpc.SecurityGroupIngressRule(
    "unknown",
    security_group_id=group.id,
    ip_protocol="tcp",
    from_port=22,
    to_port=22,
    cidr_ipv4=address.public_ip.apply(lambda ip: f"{ip}/32"),
)
aws.vpc.SecurityGroupIngressRule(
    "api",
    security_group_id=group.id,
    ip_protocol="tcp",
    from_port=6443,
    to_port=6443,
    cidr_ipv4="0.0.0.0/0" if BROKEN else "203.0.113.0/24",
)
if BROKEN:
    for first in ("40", "50"):
        aws.vpc.SecurityGroupIngressRule(
            f"part-{first}",
            security_group_id=group.id,
            ip_protocol="tcp",
            from_port=22,
            to_port=22,
            cidr_ipv4=f"{first}.0.0.0/8",
        )
aws.ec2.Instance(
    "machine",
    ami="ami-0aaaaaaaaaaaaaaaa",
    instance_type="t4g.small",
    user_data_base64=address.public_ip,
    metadata_options={"http_tokens": "required", "http_put_response_hop_limit": 1},
    root_block_device={"encrypted": True},
    tags=None if BROKEN else TAGS,
)
