"""The console output of a machine that reports nothing, shown beside the error of its node."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pulumi

from cluster import untrusted_text
from cluster.model import Network
from components import instance_states

NODE = "k3s:index:Node"
MARK = "get-console-output"
"""Part of the errors of a node whose machine reports nothing (provider/resources/node/)."""
PROJECT = Path(__file__).parents[__name__.count(".")]
"""The folder that our packages are imported from."""
LINES = 25
WIDTH = 200
# Keys of the provider's configuration; those that hold objects come as JSON.
_STRINGS = ("profile", "region", "accessKey", "secretKey", "token")
_OBJECTS = ("endpoints", "assumeRole", "assumeRoles")

_COLORS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def hooks(name: str, network: Network) -> Mapping[str, pulumi.ErrorHook]:
    """The hook of the nodes of one cluster; `name` is the cluster's."""

    # Read now: a hook runs beside the program, in a context that has no configuration.
    config = _aws_config()

    async def hook(args: pulumi.ErrorHookArgs) -> bool:
        return await show(args, network, lambda: _client(config))

    return {NODE: pulumi.ErrorHook(f"{name}-console", hook)}


async def show(args: pulumi.ErrorHookArgs, network: Network, client: Callable[[], Any]) -> bool:
    """Shows the last lines of the machine's console; never asks for another attempt."""
    inputs = args.new_inputs or {}
    instance_id = inputs.get("instanceId")
    if args.errors and MARK in args.errors[0] and isinstance(instance_id, str):
        text = await asyncio.to_thread(describe, instance_id, client)
        pulumi.log.error(f"{args.name}: {text}\n{_open_to(network)}")
    return False


def _open_to(network: Network) -> str:
    """What may be the reason where the machine is well: the program comes from elsewhere."""
    return (
        f"    SSH is open to {', '.join(network.ssh_allowed_cidrs) or 'nobody'}, the API to "
        f"{', '.join(network.api_allowed_cidrs) or 'nobody'}: if EC2 sees this run from another "
        "address than these, it reaches no machine"
    )


def describe(instance_id: str, client: Callable[[], Any]) -> str:
    """Why an instance does not run, or else the last lines of its console, if there are some."""
    what = f"the console output of {instance_id}"
    try:
        ec2 = client()
        state = _state(ec2, instance_id)
        if state != "running":
            return instance_states.what_to_do(instance_id, state)
        lines = last_lines(_output(ec2, instance_id))
    except Exception as error:
        # Whatever it is: the error of the node has to stay the one to read.
        return f"{what} could not be read: {untrusted_text.one_line(str(error))}"
    if not lines:
        return f"{what} is empty so far; EC2 has it a few minutes after the boot"
    return f"{what} ends with\n" + "\n".join(f"    {line}" for line in lines)


def _state(ec2: Any, instance_id: str) -> str:
    found = ec2.describe_instances(InstanceIds=[instance_id])
    return str(found["Reservations"][0]["Instances"][0]["State"]["Name"])


def last_lines(output: str) -> list[str]:
    """The last lines with text, without anything that a terminal or a CI system would execute."""
    lines = [_COLORS.sub("", line).strip() for line in output.splitlines()]
    return [untrusted_text.printable(line[:WIDTH]) for line in lines if line][-LINES:]


def _output(ec2: Any, instance_id: str) -> str:
    import botocore.exceptions

    try:
        found = ec2.get_console_output(InstanceId=instance_id, Latest=True)
    except botocore.exceptions.ClientError as error:
        # Instances that are not of the Nitro system have what was captured at their start only.
        if error.response["Error"]["Code"] != "UnsupportedOperation":
            raise
        found = ec2.get_console_output(InstanceId=instance_id)
    return str(found.get("Output") or "")


def _client(config: Mapping[str, Any]) -> Any:
    """EC2, reached as the stack's own provider reaches it."""
    # The project's folder is on the path only while the program itself runs, and boto3 takes too
    # long to be imported for a hook that is hardly ever called.
    if str(PROJECT) not in sys.path:
        sys.path.append(str(PROJECT))
    from recovery.account import clients

    return clients(config, os.environ)("ec2")


def _aws_config() -> Mapping[str, Any]:
    given = pulumi.Config("aws")
    objects = {key: given.get_object(key) for key in _OBJECTS}
    return {**{key: given.get(key) for key in _STRINGS}, **objects}
