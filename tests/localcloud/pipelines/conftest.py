"""A local cloud, the engines, and a team's fork of the repository on it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.localcloud.pipelines.account import Account
from tests.localcloud.pipelines.checkout import BUCKET, Fork, fork
from tests.localcloud.pipelines.engines import Pipelines
from tests.localcloud.stacks import local_cloud
from toolchain import engines
from toolchain.host import this_host
from toolchain.places import Places

STACKS = ["dev", "staging", "prod"]


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with local_cloud(tmp_path_factory.mktemp("pipelines")) as stacks:
        made = Account(stacks.workbench)
        made.client("s3").create_bucket(Bucket=BUCKET)
        yield made


@pytest.fixture(scope="module")
def team(account: Account, tmp_path_factory: pytest.TempPathFactory) -> Fork:
    return fork(tmp_path_factory.mktemp("team"), account.workbench, STACKS)


@pytest.fixture(scope="module")
def pipelines(team: Fork) -> Pipelines:
    tools = engines.provide(Places(), this_host(), os.environ["PATH"], print)
    return Pipelines(tools, team)
