"""What the program does when an operation of the engine fails, by the type of the resource."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi


def options(hooks: Mapping[str, pulumi.ErrorHook]) -> pulumi.ResourceOptions:
    """Options of a component: below it every resource of these types has the hook of its type."""

    def bind(
        args: pulumi.ResourceTransformationArgs,
    ) -> pulumi.ResourceTransformationResult | None:
        hook = hooks.get(args.type_)
        if hook is None:
            return None
        own = pulumi.ResourceOptions(hooks=pulumi.ResourceHookBinding(on_error=[hook]))
        merged = pulumi.ResourceOptions.merge(args.opts, own)
        return pulumi.ResourceTransformationResult(props=args.props, opts=merged)

    return pulumi.ResourceOptions(transformations=[bind])
