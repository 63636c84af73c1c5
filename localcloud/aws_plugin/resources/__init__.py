"""The resource types of the stand-in, one class each, by AWS service."""

from localcloud.aws_plugin.resources import (
    buckets,
    compute,
    dns,
    iam,
    interfaces,
    listeners,
    load_balancers,
    network,
    parameters,
    security_groups,
    storage,
    target_groups,
    volumes,
)
from localcloud.aws_plugin.resources.kind import Kind

MODULES = (
    buckets,
    compute,
    dns,
    iam,
    interfaces,
    listeners,
    load_balancers,
    network,
    parameters,
    security_groups,
    storage,
    target_groups,
    volumes,
)
KINDS: dict[str, Kind] = {
    each.token: each()
    for module in MODULES
    for each in vars(module).values()
    if isinstance(each, type) and issubclass(each, Kind) and hasattr(each, "token")
}
