"""
The quotas of the account: what Service Quotas reports and EC2 enforces.

Those of addresses and vCPUs are large, since stacks of tests and of the bench share the account;
those of rules, load balancers and gp3 volumes are what AWS gives everybody.
"""

from __future__ import annotations

from typing import Any

RULES_OF_A_GROUP = 60
ADDRESSES = 5000
NETWORK_LOAD_BALANCERS = 50
GP3_TIB = 50
_MANY = 100_000.0

_VALUES = {
    ("vpc", "L-0EA8095F"): float(RULES_OF_A_GROUP),
    ("vpc", "L-F678F1CE"): _MANY,
    ("ec2", "L-0263D0A3"): float(ADDRESSES),
    ("ebs", "L-7A658B76"): float(GP3_TIB),
    ("elasticloadbalancing", "L-69A177A2"): float(NETWORK_LOAD_BALANCERS),
}


def install() -> None:
    """
    Makes Service Quotas of moto, which has those of VPC alone, respond with these.

    The provider asks for the default first, and would repeat for minutes a call that is not there.
    """
    from moto.servicequotas.exceptions import NoSuchResource
    from moto.servicequotas.models import ServiceQuotasBackend
    from moto.servicequotas.responses import ServiceQuotasResponse

    def get_service_quota(_: Any, service_code: str, quota_code: str) -> dict[str, Any]:
        value = _VALUES.get((service_code, quota_code), _MANY if service_code == "ec2" else None)
        if value is None:
            raise NoSuchResource
        return {
            "ServiceCode": service_code,
            "QuotaCode": quota_code,
            "ServiceName": service_code,
            "QuotaName": quota_code,
            "GlobalQuota": False,
            "Unit": "None",
            "QuotaArn": f"arn:aws:servicequotas:us-east-1:123456789012:{service_code}/{quota_code}",
            "Value": value,
            "Adjustable": True,
        }

    ServiceQuotasBackend.get_service_quota = get_service_quota
    ServiceQuotasResponse.get_aws_default_service_quota = ServiceQuotasResponse.get_service_quota
