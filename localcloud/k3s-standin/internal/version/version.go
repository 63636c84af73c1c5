// Package version owns the version of this stand-in.
package version

import utilversion "k8s.io/apimachinery/pkg/util/version"

// Kubernetes is the version that `k3s --version` prints and that every node reports. The suffix
// distinguishes it from a release of k3s. build.sh gives the API server the same one.
const Kubernetes = "v1.36.4+standin1"

// AtLeast reports whether the imitated k3s is of a minor version, such as "1.37", or newer.
func AtLeast(minor string) bool {
	return utilversion.MustParseGeneric(Kubernetes).AtLeast(utilversion.MustParseGeneric(minor))
}
