"""The `aws` provider of a component's options is the one that the lookups ask."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws
import pytest

from k3s_aws import aws_provider
from tests.components.recording import Engine


@pytest.fixture
def given() -> aws.Provider:
    pulumi.runtime.set_mocks(Engine(), project="k3s-aws", stack="dev")
    return aws.Provider("elsewhere", region="eu-central-1")


def test_each_way_to_name_it_leads_to_the_same_provider(given: aws.Provider) -> None:
    class Above(pulumi.ComponentResource):
        def __init__(self) -> None:
            super().__init__("a:b:Above", "above", None, pulumi.ResourceOptions(providers=[given]))

    for options in (
        pulumi.ResourceOptions(provider=given),
        pulumi.ResourceOptions(providers=[given]),
        pulumi.ResourceOptions(providers={"aws": given}),
        pulumi.ResourceOptions(parent=Above()),
    ):
        found = aws_provider.of(options)
        assert found is not None
        assert found.provider is given


def test_without_one_the_default_provider_is_asked(given: aws.Provider) -> None:
    assert aws_provider.of(None) is None
    assert aws_provider.of(pulumi.ResourceOptions(protect=True)) is None
