"""
Prints the lines with which a shell has credentials of the role AWS_ROLE_ARN for an hour.

For a platform without OpenID Connect to AWS: the key that it keeps may do nothing but this.
    eval "$(.local/venv/bin/python -m ci.jobs.assume_role)"
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence

import boto3
from botocore.exceptions import BotoCoreError, ClientError

SECONDS = 3600
SESSION = "k3s-aws-pipeline"
VARIABLES = {
    "AWS_ACCESS_KEY_ID": "AccessKeyId",
    "AWS_SECRET_ACCESS_KEY": "SecretAccessKey",
    "AWS_SESSION_TOKEN": "SessionToken",
}


def main(words: Sequence[str]) -> int:
    """Status 1 and one message where AWS refuses; the shell then gets `false` to evaluate."""
    form = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser(
        prog="python -m ci.jobs.assume_role", description=__doc__, formatter_class=form
    ).parse_args(words)
    role = os.environ.get("AWS_ROLE_ARN")
    if not role:
        return failed("AWS_ROLE_ARN is not set", "set it to the role of the pipeline")
    try:
        answer = boto3.client("sts").assume_role(
            RoleArn=role,
            RoleSessionName=SESSION,
            DurationSeconds=SECONDS,
        )
    except (BotoCoreError, ClientError) as error:
        return failed(str(error), "check the key and the trust policy of the role")
    for name, field in VARIABLES.items():
        print(f"export {name}={shlex.quote(answer['Credentials'][field])}")
    return 0


def failed(what: str, fix: str) -> int:
    """An empty text would be evaluated with success."""
    print("false")
    print(f"error: {what}\n    {fix}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
