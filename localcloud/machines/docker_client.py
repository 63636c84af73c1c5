"""The client of this host's Docker Engine, its errors as ours, and the archives it takes."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager

import docker
import docker.errors
import requests.exceptions

from localcloud.errors import MachineError

ANSWER_SECONDS = 60


def connect() -> docker.DockerClient:
    """The Docker Engine of this host; raises MachineError where none answers."""
    try:
        client = docker.from_env(timeout=ANSWER_SECONDS)
        client.ping()
    except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
        raise MachineError(
            f"no Docker Engine responds: {error}\n"
            "    start one (`make demo` and `make test` do), or set DOCKER_HOST"
        ) from None
    return client


@contextmanager
def translate_errors(subject: str) -> Iterator[None]:
    """Turns Docker's exceptions into MachineError with the engine's own message."""
    try:
        yield
    except docker.errors.APIError as error:
        raise MachineError(f"{subject}: Docker reports: {error.explanation or error}") from None
    except requests.exceptions.RequestException as error:
        raise MachineError(f"{subject}: the Docker Engine does not respond: {error}") from None


def archive(name: str, content: bytes, mode: int = 0o644) -> bytes:
    """A tar archive with one file, as Docker takes it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as opened:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(content), mode
        opened.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
