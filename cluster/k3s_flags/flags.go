// Package k3s_flags is the table of the flags of k3s server and k3s agent.
package k3s_flags

import _ "embed"

// YAML is flags.yaml.
//
//go:embed flags.yaml
var YAML []byte
