// Package version owns the version this stand-in answers with.
package version

// Kubernetes is the version told by `k3s --version` and by every node. The suffix keeps anybody
// from taking it for a release of k3s. build.sh gives the API server the same one.
const Kubernetes = "v1.36.4+standin1"
