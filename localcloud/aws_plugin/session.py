"""The AWS clients of one provider, made from its configuration."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
import botocore.config
import botocore.exceptions

from provider.errors import DeadlineExceeded
from provider.waiting import Pending, SystemClock, Wait

POLL_SECONDS = 0.2


class ConfigurationError(Exception):
    """The provider's configuration cannot be used; the text names the key."""


class NoSuchThingError(Exception):
    """AWS has nothing that fits the question."""


class UnexpectedStateError(Exception):
    """What was waited for took another way; the text names it and its state."""


@dataclass
class Session:
    """Clients by service, each made once. `cancelled` ends every wait."""

    configuration: Mapping[str, Any]
    cancelled: threading.Event = field(default_factory=threading.Event)
    _clients: dict[str, Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def region(self) -> str:
        """The region of the provider."""
        region = self.configuration.get("region")
        if not region:
            raise ConfigurationError("aws:region is not set\n    pulumi config set aws:region ...")
        return str(region)

    @property
    def default_tags(self) -> dict[str, str]:
        """Tags every resource gets."""
        return dict((self._structured("defaultTags") or {}).get("tags") or {})

    def client(self, service: str) -> Any:
        """The client of one service, at the configured endpoint."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = boto3.client(
                    service,  # type: ignore[call-overload]
                    region_name=self.region,
                    aws_access_key_id=self.configuration.get("accessKey"),
                    aws_secret_access_key=self.configuration.get("secretKey"),
                    aws_session_token=self.configuration.get("token"),
                    endpoint_url=self._endpoint(service),
                    config=botocore.config.Config(
                        connect_timeout=5, retries={"mode": "standard", "max_attempts": 4}
                    ),
                )
            return self._clients[service]

    def wait(self, what: str, seconds: float, done: Callable[[], str | None]) -> None:
        """Repeats `done` until it returns None instead of the state; raises ProviderErrors."""
        wait = Wait(seconds, SystemClock(), self.cancelled)

        def poll() -> None:
            if (state := done()) is not None:
                raise Pending(f"{what} is {state}")

        try:
            wait.until(poll, every=POLL_SECONDS)
        except DeadlineExceeded:
            raise DeadlineExceeded(f"after {seconds:.0f} s, {wait.seen}") from None

    def _endpoint(self, client: str) -> str:
        # boto3 writes some names with a hyphen, the provider none.
        service = client.replace("-", "")
        endpoints = self._structured("endpoints") or []
        for entry in endpoints if isinstance(endpoints, list) else [endpoints]:
            if entry.get(service):
                return str(entry[service])
        # Reaching the real AWS from here would be a surprise with a bill.
        raise ConfigurationError(
            f"this is the stand-in aws plugin of the local cloud, and aws:endpoints names no "
            f"endpoint for {service}\n    install the official plugin to use AWS: "
            "pulumi plugin install resource aws"
        )

    def _structured(self, key: str) -> Any:
        """A value that is not a string arrives as JSON text."""
        value = self.configuration.get(key)
        return json.loads(value) if isinstance(value, str) and value else value


def is_gone(error: botocore.exceptions.ClientError) -> bool:
    """Whether AWS reports that the resource does not exist."""
    code = error.response["Error"]["Code"]
    return "NotFound" in code or code == "404" or code.startswith("NoSuch")
