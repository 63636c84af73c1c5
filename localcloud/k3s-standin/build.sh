#!/bin/sh
# Builds the stand-in for k3s as one static binary: build.sh <output path>
# Needs Go and its module cache or proxy, nothing else. The first build takes minutes.
set -eu
[ $# -eq 1 ] || { echo "usage: $0 <output path>" >&2; exit 2; }
case $1 in /*) output=$1 ;; *) output=$PWD/$1 ;; esac
cd "$(dirname "$0")"
# The same version as internal/version; the API server takes its own only from the linker.
version=v1.36.4+standin1
package=k8s.io/component-base/version
CGO_ENABLED=0 exec go build -trimpath -ldflags "-s -w \
  -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=36 \
  -X $package.gitTreeState=clean" -o "$output" ./cmd/k3s
