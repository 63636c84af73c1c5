package controlplane

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	cliflag "k8s.io/component-base/cli/flag"
)

// Files is the folder with the control plane's certificates and keys.
type Files string

// Path names one of them.
func (f Files) Path(name string) string { return filepath.Join(string(f), name) }

// parse feeds `--key=value` words to the flags of a component.
func parse(component string, sets cliflag.NamedFlagSets, args []string) error {
	all := pflag.NewFlagSet(component, pflag.ContinueOnError)
	for _, set := range sets.FlagSets {
		all.AddFlagSet(set)
	}
	return all.Parse(args)
}

// override puts an operator's `key=value` in the place of our own argument for that key.
func override(defaults, extra []string) []string {
	merged := slices.DeleteFunc(slices.Clone(defaults), func(argument string) bool {
		return names(extra, key(argument))
	})
	for _, argument := range extra {
		merged = append(merged, "--"+strings.TrimLeft(argument, "-"))
	}
	return merged
}

func names(arguments []string, wanted string) bool {
	return slices.ContainsFunc(arguments, func(argument string) bool { return key(argument) == wanted })
}

func key(argument string) string {
	name, _, _ := strings.Cut(strings.TrimLeft(argument, "-"), "=")
	return name
}
