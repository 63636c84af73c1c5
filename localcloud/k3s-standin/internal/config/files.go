package config

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/sirupsen/logrus"
	"github.com/urfave/cli/v2"
	"gopkg.in/yaml.v2"
)

// environmentFile is the variable that names the configuration file, before any argument does.
const environmentFile = "K3S_CONFIG_FILE"

// Arguments puts the values of the configuration files, as arguments, between a command's name and its
// own arguments, as k3s does (pkg/configfilearg): values of lists are appended, of other flags the last
// one counts. No file at all is no error, even where an argument names one.
func Arguments(args []string, defaultFile string) ([]string, error) {
	command := slices.IndexFunc(args, func(argument string) bool {
		return argument == string(ServerRole) || argument == string(AgentRole) || argument == snapshotCommand
	})
	if command >= 0 && args[command] == snapshotCommand {
		if command++; command == len(args) { // the command that follows has the flags
			return args, nil
		}
	}
	file := configFile(args, defaultFile)
	if command < 0 || file == "" {
		return args, nil
	}
	values, err := readFiles(file)
	if os.IsNotExist(err) {
		return args, nil
	}
	if err != nil {
		return nil, err
	}
	// k3s has no list of valid flags for its agents.
	switch {
	case len(args) > 1 && args[1] == string(ServerRole):
		values = withoutUnknown(values, Flags(ServerRole))
	case len(args) > 1 && args[1] == snapshotCommand:
		values = withoutUnknown(values, SnapshotFlags())
	}
	return slices.Concat(args[:command+1], values, args[command+1:]), nil
}

// configFile is the file that the environment or else the first argument names.
func configFile(args []string, defaultFile string) string {
	if named := os.Getenv(environmentFile); named != "" {
		return named
	}
	for i, argument := range args {
		for _, flag := range []string{"--config", "-c"} {
			if argument == flag && i+1 == len(args) {
				return ""
			}
			if argument == flag {
				return args[i+1]
			}
			if named, ok := strings.CutPrefix(argument, flag+"="); ok {
				return named
			}
		}
	}
	return defaultFile
}

var argumentName = regexp.MustCompile("^-+([^=]*)=")

func withoutUnknown(values []string, flags []cli.Flag) []string {
	known := map[string]bool{}
	for _, flag := range flags {
		for _, name := range flag.Names() {
			known[name] = true
		}
	}
	return slices.DeleteFunc(values, func(value string) bool {
		name := argumentName.FindStringSubmatch(value)
		if name != nil && known[name[1]] {
			return false
		}
		flag, _, _ := strings.Cut(value, "=")
		logrus.Warnf("Unknown flag %s found in config.yaml, skipping\n", flag)
		return true
	})
}

// dropIns are the files beside the main one, in alphabetical order.
func dropIns(file string) ([]string, error) {
	entries, err := os.ReadDir(file + ".d")
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	var files []string
	for _, entry := range entries {
		name := strings.ToLower(entry.Name())
		if !entry.IsDir() && (strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")) {
			files = append(files, filepath.Join(file+".d", entry.Name()))
		}
	}
	return files, nil
}

// readFiles gives the values of a file and its drop-ins as arguments. Its error is of the kind
// os.ErrNotExist where there is no file.
func readFiles(file string) ([]string, error) {
	files, err := dropIns(file)
	if err != nil {
		return nil, err
	}
	switch _, err := os.Stat(file); {
	case err == nil:
		files = append([]string{file}, files...)
	case !os.IsNotExist(err) || len(files) == 0:
		return nil, err
	}
	merged := values{content: map[string]any{}}
	for _, each := range files {
		text, err := os.ReadFile(each)
		if err != nil {
			return nil, err
		}
		var keys yaml.MapSlice
		if err := yaml.Unmarshal(text, &keys); err != nil {
			return nil, err
		}
		merged.add(keys)
	}
	return merged.arguments(), nil
}

// values are what the files have set, in the order in which the keys came.
type values struct {
	order   []string
	content map[string]any
}

func (v *values) add(keys yaml.MapSlice) {
	for _, item := range keys {
		key, appends := strings.CutSuffix(text(item.Key), "+")
		before, seen := v.content[key]
		if !seen {
			v.order = append(v.order, key)
		}
		if seen && appends {
			v.content[key] = slices.Concat(elements(before), elements(item.Value))
		} else {
			v.content[key] = item.Value
		}
	}
}

func (v *values) arguments() []string {
	var all []string
	for _, key := range v.order {
		dashes := "--"
		if len(key) == 1 {
			dashes = "-"
		}
		content, isList := v.content[key].([]any)
		if !isList {
			content = []any{v.content[key]}
		}
		for _, value := range content {
			all = append(all, dashes+key+"="+text(value))
		}
	}
	return all
}

func elements(value any) []any {
	switch value := value.(type) {
	case []any:
		return value
	case string:
		return []any{value}
	}
	if text := text(value); text != "" {
		return []any{text}
	}
	return nil
}

// text is a YAML value as an argument has it; of a list inside a list, k3s takes the first element.
func text(value any) string {
	if list, ok := value.([]any); ok {
		value = nil
		if len(list) > 0 {
			value = list[0]
		}
	}
	if value == nil {
		return ""
	}
	return strings.TrimSpace(fmt.Sprint(value))
}
