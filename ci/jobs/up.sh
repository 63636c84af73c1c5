#!/usr/bin/env bash
# up.sh STACK: creates or updates the stack, which need not exist; ends when every node is Ready.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
require_stack "$1"

pulumi stack select "$1" --create --non-interactive
ci/jobs/recover.sh "$1"
pulumi up --yes --skip-preview --suppress-outputs --non-interactive --stack "$1"
