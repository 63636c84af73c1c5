"""The `aws` provider that the options of a component name, for the lookups before it exists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pulumi

PACKAGE = "aws"
# Any type of the package: it is the package that decides.
_TYPE = "aws:ec2/vpc:Vpc"


def of(opts: pulumi.ResourceOptions | None) -> pulumi.InvokeOptions | None:
    """
    Options of lookups with the provider that the component's resources get; None for the default.

    The component hands it down by the same options, or has it from its parent.
    """
    provider = _named(opts) if opts else None
    if provider is None and opts is not None and opts.parent is not None:
        provider = opts.parent.get_provider(_TYPE)
    return None if provider is None else pulumi.InvokeOptions(provider=provider)


def _named(opts: pulumi.ResourceOptions) -> pulumi.ProviderResource | None:
    several = opts.providers
    listed: Iterable[pulumi.ProviderResource] = (
        several.values() if isinstance(several, Mapping) else several or ()
    )
    every = [*([opts.provider] if opts.provider else []), *listed]
    return next((each for each in every if each.package == PACKAGE), None)
