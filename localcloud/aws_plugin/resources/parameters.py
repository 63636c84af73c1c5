"""SSM parameters."""

from __future__ import annotations

from typing import Any

from localcloud.aws_plugin.resources.kind import (
    Inputs,
    Kind,
    all_tags,
    as_pairs,
    names,
    properties,
    retag,
    selected,
    tag_outputs,
)
from localcloud.aws_plugin.session import Session
from localcloud.aws_plugin.values import UNKNOWN, Values
from provider.errors import ProviderError

_PUT = ("type", "value", "insecureValue", "description")


def _value(properties: Inputs) -> Any:
    """The one value; the plugin takes exactly one of the two, and no SecureString as insecure."""
    given = {key: properties[key] for key in ("value", "insecureValue") if properties.get(key)}
    if len(given) != 1 or ("insecureValue" in given and properties["type"] == "SecureString"):
        raise ProviderError(
            f'parameter "{properties["name"]}" of type {properties["type"]} must have value or '
            f"insecureValue, not the latter with SecureString; it has {', '.join(given) or 'none'}"
        )
    return next(iter(given.values()))


class Parameter(Kind):
    token = "aws:ssm/parameter:Parameter"
    inputs = properties("name type value insecureValue description keyId tags")
    replaces = properties("name")
    computed = properties("keyId value insecureValue")
    secrets = properties("value")
    named = "name"

    def create(self, aws: Session, inputs: Inputs) -> str:
        tags = as_pairs(all_tags(aws, inputs))
        more = {**self._key(inputs, {}), **({"Tags": tags} if tags else {})}
        self._put(aws, inputs, Overwrite=False, **more)
        return str(inputs["name"])

    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        ssm = aws.client("ssm")
        found = ssm.get_parameter(Name=id_, WithDecryption=True)["Parameter"]
        named = [{"Key": "Name", "Option": "Equals", "Values": [id_]}]
        (described,) = ssm.describe_parameters(ParameterFilters=named)["Parameters"]
        tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=id_)
        # The plugin fills in one of the two, the one that is not secret where the program gave it.
        value = "insecureValue" if known.get("insecureValue") else "value"
        return {
            **selected(found, names("name type version dataType", arn="ARN")),
            value: found["Value"],
            "keyId": described.get("KeyId"),
            "description": known.get("description"),
            **tag_outputs(aws, tags["TagList"]),
        }

    def change(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        ssm = aws.client("ssm")
        key = self._key(new, old)
        if key or any(new.get(each) != old.get(each) for each in _PUT):
            self._put(aws, new, Overwrite=True, **key)
        calls = (ssm.add_tags_to_resource, ssm.remove_tags_from_resource)
        retag(aws, old, new, *calls, ResourceType="Parameter", ResourceId=id_)

    def planned(self, outputs: Values, old: Inputs, new: Inputs) -> Values:
        planned = super().planned(outputs, old, new)
        changed = any(new.get(each) != old.get(each) for each in ("value", "insecureValue"))
        return {**planned, "version": UNKNOWN} if changed else planned

    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        aws.client("ssm").delete_parameter(Name=id_)

    @staticmethod
    def _key(inputs: Inputs, before: Inputs) -> dict[str, str]:
        """
        The key, where it has changed: the real plugin names it only then.

        https://github.com/hashicorp/terraform-provider-aws/blob/v6.0.0/internal/service/ssm/parameter.go
        """
        wanted = inputs.get("keyId")
        if inputs["type"] != "SecureString" or not wanted or wanted == before.get("keyId"):
            return {}
        return {"KeyId": str(wanted)}

    @staticmethod
    def _put(aws: Session, inputs: Inputs, **more: Any) -> None:
        aws.client("ssm").put_parameter(
            Name=inputs["name"],
            Type=inputs["type"],
            Value=_value(inputs),
            Description=inputs.get("description") or "",
            **more,
        )
