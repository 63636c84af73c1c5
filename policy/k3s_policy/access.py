"""Rules about what identities and pods may do in the cluster."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Sequence

from k3s_policy.record import stack_of
from k3s_policy.resource import UNKNOWN, Resource, items, printable
from k3s_policy.rule import (
    Finding,
    NotKnown,
    ResourceRule,
    Settings,
    StackRule,
    Violation,
    strings,
)

IDENTITY = "k3s:index:Identity"
NAMESPACE = "kubernetes:core/v1:Namespace"
_LEVEL_LABEL = "pod-security.kubernetes.io/enforce"
_CERTIFICATE = re.compile(r"client-certificate-data:\s*[\"']?([A-Za-z0-9+/=]+)")
# The group in a client certificate that every cluster gives all rights to.
_ADMINISTRATORS = b"system:masters"
# https://kubernetes.io/docs/reference/access-authn-authz/rbac/#user-facing-roles
_ADMINISTRATORS_ROLE = "cluster-admin"
_OUTPUT_OF_IDENTITY = "kubeconfig-"


def _namespaces(resource: Resource, settings: Settings) -> Iterator[Finding]:
    if resource.type == NAMESPACE:
        # Without the label the level is the API server's own default, which no program has.
        level, path = resource.at("metadata", "labels", _LEVEL_LABEL), "metadata.labels"
        names = [resource.at("metadata", "name") or resource.name]
    else:
        level, path = resource.at("podSecurity"), "podSecurity"
        names = list(items(resource.at("namespaces")))
    if UNKNOWN in (level, *names):
        yield NotKnown(path)
    known = [str(each) for each in names if each is not UNKNOWN]
    found = [each for each in known if each not in settings["allowedNamespaces"]]
    if level == "privileged" and found:
        listed = ", ".join(printable(each) for each in found)
        yield Violation(
            message=f'{path} is "privileged" for {listed}: a pod there can be root on its node\n'
            "    use baseline or restricted, or add the namespace to allowedNamespaces"
        )


def _administrator(resources: Sequence[Resource], settings: Settings) -> Iterator[Finding]:
    stack, allowed = stack_of(resources), settings["allowedOutputs"]
    identities = {
        f"{_OUTPUT_OF_IDENTITY}{each.at('name')}": each
        for each in resources
        if each.type == IDENTITY
    }
    for output, identity in sorted(identities.items()):
        if output not in allowed and identity.at("clusterRole") == _ADMINISTRATORS_ROLE:
            yield Violation(
                message=f"the output {printable(output)} is of an identity with clusterRole "
                f"{_ADMINISTRATORS_ROLE}, which is administrator, or can become it from one "
                "namespace\n    give it a role with what is needed, such as admin in namespaces",
                urn=identity.urn,
            )
    found = [
        printable(name)
        for name, value in stack.properties.items()
        if name not in allowed and _is_administrators(name, value, named=name not in identities)
    ]
    if found:
        yield Violation(
            message=f"the output {', '.join(found)} is an administrator's kubeconfig, and whoever "
            "decrypts the state is one\n"
            "    leave cluster.adminKubeconfig out and give an identity what is needed",
            urn=stack.urn or None,
        )


def _is_administrators(name: str, value: object, *, named: bool) -> bool:
    """By its name, where `named`, or by the client certificate in it."""
    if named and re.search(r"admin.*kube_?config|kube_?config.*admin", name, re.I):
        return value is not None
    if not isinstance(value, str):
        return False
    for match in _CERTIFICATE.finditer(value):
        try:
            if _ADMINISTRATORS in _der(base64.b64decode(match.group(1))):
                return True
        except (binascii.Error, ValueError):
            continue
    return False


def _der(pem: bytes) -> bytes:
    """The certificates in DER, where the names of groups stand as they are."""
    bodies = re.findall(rb"-----BEGIN CERTIFICATE-----(.*?)-----END", pem, re.S)
    return b"".join(base64.b64decode(each) for each in bodies)


RULES = (
    ResourceRule(
        name="namespaces-not-privileged",
        description="No namespace that an identity deploys into allows privileged pods",
        level="mandatory",
        severity="high",
        why="a privileged pod is root on its node, and from there it has every secret of the node",
        source="https://kubernetes.io/docs/concepts/security/pod-security-standards/",
        types=(IDENTITY, NAMESPACE),
        settings={"allowedNamespaces": strings([], "Namespaces whose pods may do anything.")},
        check=_namespaces,
    ),
    StackRule(
        name="no-administrator-kubeconfig",
        description="No output is an administrator's kubeconfig",
        level="advisory",
        severity="medium",
        why="whoever reads the output once is administrator until its certificate expires",
        source="docs/security.md#who-can-become-administrator",
        settings={"allowedOutputs": strings([], "Names of outputs that may be one.")},
        check=_administrator,
    ),
)
