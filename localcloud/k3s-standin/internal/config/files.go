package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"
)

// configFiles lists the main file and its drop-ins, in the order in which they are read.
// Only a file that was asked for by name must exist.
func configFiles(given map[string][]string, env func(string) string, defaultFile string) ([]string, error) {
	main, named := defaultFile, false
	if fromEnv := env("K3S_CONFIG_FILE"); fromEnv != "" {
		main, named = fromEnv, true
	}
	if asked := given["config"]; len(asked) > 0 {
		main, named = asked[len(asked)-1], true
	}
	var files []string
	switch _, err := os.Stat(main); {
	case err == nil:
		files = append(files, main)
	case !errors.Is(err, fs.ErrNotExist) || named:
		return nil, fmt.Errorf("configuration file: %w", err)
	}
	var dropIns []string
	for _, pattern := range []string{"*.yaml", "*.yml"} {
		found, err := filepath.Glob(filepath.Join(main+".d", pattern))
		if err != nil {
			return nil, err
		}
		dropIns = append(dropIns, found...)
	}
	sort.Strings(dropIns)
	return append(files, dropIns...), nil
}

// readFiles merges files: a later one replaces a key, `key+` appends to it.
func readFiles(files []string) (map[string][]string, error) {
	merged := map[string][]string{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("configuration file: %w", err)
		}
		if err := merge(merged, raw); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return merged, nil
}

// merge works on YAML nodes, so that a value keeps its spelling: a token 0123 is not a number.
func merge(merged map[string][]string, raw []byte) error {
	var document yaml.Node
	if err := yaml.Unmarshal(raw, &document); err != nil {
		return err
	}
	if len(document.Content) == 0 || document.Content[0].Tag == "!!null" {
		return nil
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		return errors.New("must hold a mapping of flags to values")
	}
	for i := 0; i < len(root.Content); i += 2 {
		name, appends := strings.CutSuffix(root.Content[i].Value, "+")
		if long, ok := short[name]; ok {
			name = long
		}
		values, err := scalars(root.Content[i+1])
		if err != nil {
			return fmt.Errorf("line %d: %s: %w", root.Content[i].Line, name, err)
		}
		if appends {
			values = append(merged[name], values...)
		}
		merged[name] = values
	}
	return nil
}

func scalars(node *yaml.Node) ([]string, error) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	switch {
	case node.Kind == yaml.ScalarNode && node.Tag == "!!null":
		return nil, nil
	case node.Kind == yaml.ScalarNode:
		return []string{node.Value}, nil
	case node.Kind == yaml.SequenceNode:
		var all []string
		for _, item := range node.Content {
			one, err := scalars(item)
			if err != nil || item.Kind == yaml.SequenceNode {
				return nil, errors.New("a list may hold only plain values")
			}
			all = append(all, one...)
		}
		return all, nil
	}
	return nil, errors.New("must be a plain value or a list of them")
}
