#!/usr/bin/env bash
# Destroys the clusters whose ttl is over, also those whose state is gone.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

python -m recovery reap --yes
