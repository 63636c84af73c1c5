"""Which parts of a kubeconfig are secret, as they could stand in a log."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ci.errors import PipelineError
from cluster import yaml_reader

# The fields of a user that hold a credential (k8s.io/client-go, clientcmd/api/v1, AuthInfo). A
# certificate and the address of the API are none.
SECRET_FIELDS: Final = ("client-key-data", "token", "password")
# A shorter last line of a key is no secret of its own, and masked it could hide words of the log.
_SHORTEST: Final = 16


def strings(kubeconfig: str) -> list[str]:
    """
    Every single line that must not be printed, each once.

    A key stands in the file as one line of base64. Decoded it is PEM of several lines, and a log is
    masked line by line. Raises PipelineError where the text is not a kubeconfig, without quoting
    it.
    """
    found: dict[str, None] = {}
    for value in _values(kubeconfig):
        found |= dict.fromkeys(filter(None, map(str.strip, value.splitlines())))
        found |= dict.fromkeys(_lines_of_key(value))
    if not found:
        raise PipelineError(
            "the kubeconfig holds no key and no token; this program writes one with a key\n"
            "    run `pulumi up`"
        )
    return list(found)


def _values(kubeconfig: str) -> Iterator[str]:
    try:
        content = yaml_reader.read(kubeconfig)
        users = [each["user"] for each in content["users"]]
    except (yaml_reader.InvalidYaml, KeyError, TypeError):
        raise PipelineError(
            "the output is not a kubeconfig\n    run `pulumi up`, which writes it again"
        ) from None
    for user in users:
        fields: Mapping[str, Any] = user if isinstance(user, Mapping) else {}
        for name in SECRET_FIELDS:
            if value := fields.get(name):
                yield str(value)


def _lines_of_key(value: str) -> list[str]:
    """The lines between the markers of a PEM text in base64; none of another value."""
    try:
        lines = base64.b64decode(value, validate=True).decode("ascii").splitlines()
    except ValueError:
        return []
    return [each for each in lines if len(each) >= _SHORTEST and not each.startswith("-----")]
