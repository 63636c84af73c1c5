// Package arguments merges the arguments that k3s gives a Kubernetes component with those of an operator.
package arguments

import (
	"slices"
	"strings"
)

// Merge appends `name=value` arguments to the defaults and sorts them by name, as k3s does. The first
// argument of a name takes the place of its default; `name+=value` keeps the default before it, and
// `name-=value` after it. Leading dashes are optional, and a name alone is set to true.
func Merge(defaults, extra []string) []string {
	values, ours := map[string][]string{}, map[string]bool{}
	for _, argument := range defaults {
		name, value := split(argument)
		values[name], ours[name] = []string{value}, true
	}
	for _, argument := range extra {
		key, value := split(argument)
		name := strings.TrimRight(key, "-+")
		switch {
		case strings.HasSuffix(key, "+"):
			values[name] = append(values[name], value)
		case strings.HasSuffix(key, "-"):
			values[name] = slices.Insert(values[name], 0, value)
		case ours[name]:
			values[name] = []string{value}
		default:
			values[name] = append(values[name], value)
		}
		delete(ours, name)
	}
	var names, merged []string
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range values[name] {
			merged = append(merged, "--"+name+"="+value)
		}
	}
	return merged
}

// Value is that of the first argument of a name, or empty.
func Value(name string, arguments []string) string {
	for _, argument := range arguments {
		key, value, _ := strings.Cut(strings.TrimPrefix(argument, "--"), "=")
		if key == name {
			return value
		}
	}
	return ""
}

func split(argument string) (name, value string) {
	name, value, found := strings.Cut(strings.TrimPrefix(argument, "--"), "=")
	if !found {
		value = "true"
	}
	return name, value
}
