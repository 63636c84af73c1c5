"""What somebody may remove by hand, in the console or with the AWS CLI, behind the stack's back."""

from __future__ import annotations

from typing import Any

from tests.localcloud.stacks import Stack


def remove_machines(stack: Stack) -> None:
    """Terminates every instance and waits for its end."""
    listed = stack.client("ec2").describe_instances()["Reservations"]
    for each in (each for reservation in listed for each in reservation["Instances"]):
        if each["State"]["Name"] != "terminated":
            stack.terminate(each["InstanceId"])


def release_addresses_and_rules(stack: Stack) -> None:
    """Releases every Elastic IP, and revokes what the security groups let in."""
    ec2 = stack.client("ec2")
    _release_addresses(ec2)
    for group in ec2.describe_security_groups()["SecurityGroups"]:
        _revoke(ec2, group["GroupId"])


def remove_volumes(stack: Stack) -> None:
    """Deletes the volumes that no machine has, the data volumes of terminated servers."""
    ec2 = stack.client("ec2")
    for each in ec2.describe_volumes()["Volumes"]:
        ec2.delete_volume(VolumeId=each["VolumeId"])


def remove_parameters(stack: Stack) -> None:
    ssm = stack.client("ssm")
    for name in stack.parameters():
        ssm.delete_parameter(Name=name)


def remove_machines_and_vpc(stack: Stack) -> None:
    """What `Delete VPC` of the console does, with the machines before and the addresses behind."""
    remove_machines(stack)
    ec2 = stack.client("ec2")
    (vpc,) = _vpcs(stack)
    _release_addresses(ec2)
    inside: Any = [{"Name": "vpc-id", "Values": [vpc]}]
    for each in ec2.describe_network_interfaces(Filters=inside)["NetworkInterfaces"]:
        ec2.delete_network_interface(NetworkInterfaceId=each["NetworkInterfaceId"])
    listed = ec2.describe_security_groups(Filters=inside)["SecurityGroups"]
    groups = [each["GroupId"] for each in listed if each["GroupName"] != "default"]
    for each in groups:
        # They name each other.
        _revoke(ec2, each)
    for each in groups:
        ec2.delete_security_group(GroupId=each)
    _remove_ways_out(ec2, vpc)
    for each in ec2.describe_subnets(Filters=inside)["Subnets"]:
        ec2.delete_subnet(SubnetId=each["SubnetId"])
    ec2.delete_vpc(VpcId=vpc)


def remove_everything(stack: Stack) -> None:
    """All that costs, and the rest."""
    remove_machines_and_vpc(stack)
    remove_volumes(stack)
    remove_parameters(stack)
    iam = stack.client("iam")
    for profile in iam.list_instance_profiles()["InstanceProfiles"]:
        name = profile["InstanceProfileName"]
        for role in profile["Roles"]:
            iam.remove_role_from_instance_profile(
                InstanceProfileName=name, RoleName=role["RoleName"]
            )
        iam.delete_instance_profile(InstanceProfileName=name)
    for role in iam.list_roles()["Roles"]:
        for policy in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]:
            iam.delete_role_policy(RoleName=role["RoleName"], PolicyName=policy)
        iam.delete_role(RoleName=role["RoleName"])


def _vpcs(stack: Stack) -> list[str]:
    mine: Any = [{"Name": "tag:k3s-aws:stack", "Values": [stack.name]}]
    found = stack.client("ec2").describe_vpcs(Filters=mine)["Vpcs"]
    return [each["VpcId"] for each in found]


def _release_addresses(ec2: Any) -> None:
    for each in ec2.describe_addresses()["Addresses"]:
        if "AssociationId" in each:
            ec2.disassociate_address(AssociationId=each["AssociationId"])
        ec2.release_address(AllocationId=each["AllocationId"])


def _revoke(ec2: Any, group: str) -> None:
    of_group: Any = [{"Name": "group-id", "Values": [group]}]
    for each in ec2.describe_security_group_rules(Filters=of_group)["SecurityGroupRules"]:
        if not each["IsEgress"]:
            ec2.revoke_security_group_ingress(
                GroupId=group, SecurityGroupRuleIds=[each["SecurityGroupRuleId"]]
            )


def _remove_ways_out(ec2: Any, vpc: str) -> None:
    """The route tables but the main one, which goes with the VPC, and the internet gateway."""
    inside: Any = [{"Name": "vpc-id", "Values": [vpc]}]
    for table in ec2.describe_route_tables(Filters=inside)["RouteTables"]:
        if any(each.get("Main") for each in table["Associations"]):
            continue
        for each in table["Associations"]:
            ec2.disassociate_route_table(AssociationId=each["RouteTableAssociationId"])
        ec2.delete_route_table(RouteTableId=table["RouteTableId"])
    attached: Any = [{"Name": "attachment.vpc-id", "Values": [vpc]}]
    for each in ec2.describe_internet_gateways(Filters=attached)["InternetGateways"]:
        name = each["InternetGatewayId"]
        ec2.detach_internet_gateway(InternetGatewayId=name, VpcId=vpc)
        ec2.delete_internet_gateway(InternetGatewayId=name)
