#!/usr/bin/env bash
# preview.sh PLATFORM STACK...: previews the stacks, and comments what they would do on the pull
# request; PLATFORM is github or gitlab. Fails after the comment where a preview has failed.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
platform=$1
shift

