"""Run by the engine: the `k3s` plugin, with the folder that our packages are imported from."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from k3s_aws.plugin_server import main

main()
