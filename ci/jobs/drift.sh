#!/usr/bin/env bash
# drift.sh STACK: fails where AWS or the cluster differs from the state, or the state from the code.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
require_stack "$1"

pulumi preview --refresh --diff --expect-no-changes --non-interactive --stack "$1"
