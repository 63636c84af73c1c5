package controlplane

import (
	"path/filepath"

	"github.com/spf13/pflag"
	cliflag "k8s.io/component-base/cli/flag"
)

// Files is the folder with the control plane's certificates and keys.
type Files string

// Path names one of them.
func (f Files) Path(name string) string { return filepath.Join(string(f), name) }

// parse parses `--key=value` arguments with the flags of a component.
func parse(component string, sets cliflag.NamedFlagSets, args []string) error {
	all := pflag.NewFlagSet(component, pflag.ContinueOnError)
	for _, set := range sets.FlagSets {
		all.AddFlagSet(set)
	}
	return all.Parse(args)
}
