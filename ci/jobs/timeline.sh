#!/usr/bin/env bash
# timeline.sh STACK: a picture of how the machines of the stack booted, .local/timeline/STACK.svg
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
require_stack "$1"

mkdir -p .local/timeline
python -m timeline --stack "$1" --output ".local/timeline/$1.svg"
