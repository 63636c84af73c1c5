"""
`python -m cost refresh [REGION...]`: brings cost/prices/ up to date, all its regions by default.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cost import prices
from cost.download import RefreshError
from cost.refresh import SPOT_ADVISOR, refresh


def _report(text: str) -> None:
    print(text, file=sys.stderr)


def main(words: list[str], folder: Path = prices.FOLDER) -> int:
    """Refreshes the regions, one after the other; an error is one message and status 1."""
    parser = argparse.ArgumentParser(prog="python -m cost", description=__doc__)
    parser.add_argument("what", choices=["refresh"])
    parser.add_argument("regions", nargs="*", metavar="REGION")
    parser.add_argument("--index", help="URL of the price list's index, such as that of a mirror")
    parser.add_argument("--spot-advisor", default=SPOT_ADVISOR, help="URL of its data")
    chosen = parser.parse_args(words)
    regions = chosen.regions or sorted(each.stem for each in folder.glob("*.json"))
    try:
        for region in regions:
            found = refresh(region, chosen.index, chosen.spot_advisor, folder, _report)
            print(f"{region}: {len(found.instances)} instance types, prices of {found.date}")
    except RefreshError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; run it again", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
