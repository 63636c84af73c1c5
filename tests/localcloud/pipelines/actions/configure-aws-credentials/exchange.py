"""AssumeRoleWithWebIdentity, and the credentials for the next steps, masked before that."""

from __future__ import annotations

import os
from pathlib import Path

import boto3

# Refused by AWS before any token is read.
client = boto3.client("sts", region_name=os.environ["REGION"])
answer = client.assume_role_with_web_identity(
    RoleArn=os.environ["ROLE"],
    RoleSessionName="GitHubActions",
    WebIdentityToken="header.claims.signature",
)["Credentials"]
variables = {
    "AWS_ACCESS_KEY_ID": answer["AccessKeyId"],
    "AWS_SECRET_ACCESS_KEY": answer["SecretAccessKey"],
    "AWS_SESSION_TOKEN": answer["SessionToken"],
    "AWS_REGION": os.environ["REGION"],
}
for name in list(variables)[:3]:
    print(f"::add-mask::{variables[name]}")
with Path(os.environ["GITHUB_ENV"]).open("a") as file:
    file.writelines(f"{name}={value}\n" for name, value in variables.items())
