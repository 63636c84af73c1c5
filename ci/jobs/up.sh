#!/usr/bin/env bash
# up.sh STACK: creates or updates the stack, which need not exist; ends when every node is Ready.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
require_stack "$1"

# A key of KMS is in the file of the stack. Without the option a new stack in a bucket has a
# passphrase all the same, and loses the key from its file.
provider=$(sed -n 's/^secretsprovider: *//p' "Pulumi.$1.yaml" 2>/dev/null || true)
pulumi stack select "$1" --create ${provider:+--secrets-provider "$provider"} --non-interactive
ci/jobs/recover.sh "$1"
pulumi up --yes --skip-preview --suppress-outputs --non-interactive --stack "$1"
