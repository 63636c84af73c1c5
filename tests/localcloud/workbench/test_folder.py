"""What a stack keeps on this machine, and what of it stays."""

from __future__ import annotations

from localcloud.workbench.folder import Folder
from tests.localcloud.workbench.test_stack import has_state, state_of


def test_forgetting_keeps_what_was_downloaded(folder: Folder) -> None:
    kept = folder.pulumi_home / "plugins" / "resource-aws-v1" / "pulumi-resource-aws"
    kept.parent.mkdir(parents=True)
    kept.touch()
    has_state(folder, state_of())
    for file in (folder.passphrase, folder.kubeconfig, folder.shell, folder.stack_config):
        file.touch()
    folder.forget()
    left = [file for file in folder.places.root.rglob("*") if file.is_file()]
    assert left == [kept]
