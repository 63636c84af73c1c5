#!/usr/bin/env bash
# Destroys the clusters whose ttl is over, also those whose state is gone, in the region of the
# temporary clusters; without Pulumi.temporary.yaml in that of the environment.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

pattern="s/^ +[\"']?aws:region[\"']?: *[\"']?([a-z0-9-]+).*/\1/p"
region=$(sed -nE "$pattern" Pulumi.temporary.yaml 2>/dev/null || true)
python -m recovery reap --yes ${region:+--region "$region"}
