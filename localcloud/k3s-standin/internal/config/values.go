package config

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// Values are a command's settings after its files, its arguments and the environment were merged.
type Values struct {
	set   map[string][]string
	Notes []string // what the operator should be told about them, for the log
}

// Load merges, from weakest to strongest: environment, configuration files, arguments.
func Load(command Command, args []string, env func(string) string, defaultFile string) (*Values, error) {
	given, err := parseArguments(command, args)
	if err != nil {
		return nil, err
	}
	files, err := configFiles(given, env, defaultFile)
	if err != nil {
		return nil, err
	}
	fromFiles, err := readFiles(files)
	if err != nil {
		return nil, err
	}
	values := &Values{set: map[string][]string{}}
	for name, f := range command.flags {
		if value := env(f.env); f.env != "" && value != "" {
			values.set[name] = []string{value}
		}
	}
	for name, value := range fromFiles {
		if _, known := command.flags[name]; !known {
			values.Notes = append(values.Notes,
				fmt.Sprintf("Unknown flag --%s found in the configuration files, skipping", name))
			continue
		}
		values.set[name] = value
	}
	for name, value := range given {
		values.set[name] = value
	}
	sort.Strings(values.Notes)
	values.noteInert(command)
	return values, nil
}

func (v *Values) noteInert(command Command) {
	var inert []string
	for name := range v.set {
		if !command.flags[name].acts {
			inert = append(inert, name)
		}
	}
	if len(inert) > 0 {
		sort.Strings(inert)
		v.Notes = append(v.Notes, "This stand-in for k3s accepts and does not act upon: "+strings.Join(inert, ", "))
	}
}

// parseArguments reads --name=value, --name value, -n value and --switch.
func parseArguments(command Command, args []string) (map[string][]string, error) {
	given := map[string][]string{}
	for i := 0; i < len(args); i++ {
		name, value, hasValue := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		if !strings.HasPrefix(args[i], "-") || name == "" {
			return nil, fmt.Errorf("unexpected argument %q to k3s %s", args[i], command.Name)
		}
		if long, ok := short[name]; ok {
			name = long
		}
		f, known := command.flags[name]
		switch {
		case !known:
			return nil, fmt.Errorf("flag provided but not defined: -%s", name)
		case !hasValue && f.kind == boolean:
			value = "true"
		case !hasValue && i+1 == len(args):
			return nil, fmt.Errorf("flag needs an argument: -%s", name)
		case !hasValue:
			i++
			value = args[i]
		}
		given[name] = append(given[name], value)
	}
	return given, nil
}

// Text gives a setting's last value, or what stands in for it when it was not set.
func (v *Values) Text(name, otherwise string) string {
	if all := v.set[name]; len(all) > 0 && all[len(all)-1] != "" {
		return all[len(all)-1]
	}
	return otherwise
}

// List gives every value of a setting that may be given several times.
func (v *Values) List(name string) []string { return v.set[name] }

// Commas is List with each value split at its commas, as k3s does for addresses.
func (v *Values) Commas(name string) []string {
	var all []string
	for _, value := range v.set[name] {
		for _, part := range strings.Split(value, ",") {
			if part = strings.TrimSpace(part); part != "" {
				all = append(all, part)
			}
		}
	}
	return all
}

// Bool reads a switch; not set is false.
func (v *Values) Bool(name string) (bool, error) {
	raw := v.Text(name, "false")
	on, err := strconv.ParseBool(raw)
	if err != nil {
		return false, fmt.Errorf("%s: %q is neither true nor false", name, raw)
	}
	return on, nil
}
