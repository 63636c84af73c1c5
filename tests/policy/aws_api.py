"""`python -m tests.policy.aws_api FOLDER`: the API of AWS without machines, for previews."""

from __future__ import annotations

import sys
from pathlib import Path

from localcloud.aws_api import moto_patches, public_images, server
from localcloud.aws_api.moto_state import MotoState
from localcloud.daemon import ACCOUNT_ID, REGION


def main(folder: Path) -> None:
    """Prints its address, and serves until its input ends."""
    server.prepare(folder)
    state = MotoState(ACCOUNT_ID, REGION)
    public_images.publish_parameters(state.ssm)
    moto_patches.install()
    hooks = server.Hooks(
        region=REGION,
        check=lambda action, arguments: None,
        on_change=lambda action, arguments: None,
        status=dict,
        interrupt=lambda instance_id, seconds: {},
    )
    api = server.Api(0, hooks)
    api.run()
    host, port = api.address
    print(f"http://{host}:{port}", flush=True)
    sys.stdin.read()
    api.end()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
