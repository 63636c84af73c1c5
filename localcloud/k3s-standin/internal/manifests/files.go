package manifests

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// find lists a folder's manifests, sorted; a file beside which stands <file>.skip is left out.
func find(dir string) ([]string, error) {
	var files []string
	skipped := map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case entry.IsDir():
			return nil
		}
		switch strings.ToLower(filepath.Ext(path)) {
		case ".skip":
			skipped[strings.TrimSuffix(path, filepath.Ext(path))] = true
		case ".yaml", ".yml", ".json":
			files = append(files, path)
		}
		return nil
	})
	slices.Sort(files)
	return slices.DeleteFunc(files, func(file string) bool { return skipped[file] }), err
}

// read takes a file apart into objects; a List becomes its items.
func read(file string) ([]byte, []*unstructured.Unstructured, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, err
	}
	objects, err := decode(raw)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	return raw, objects, nil
}

func decode(raw []byte) ([]*unstructured.Unstructured, error) {
	documents := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(raw), 4096)
	var all []*unstructured.Unstructured
	for {
		object := &unstructured.Unstructured{}
		if err := documents.Decode(&object.Object); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		switch {
		case len(object.Object) == 0:
		case object.IsList():
			list, err := object.ToList()
			if err != nil {
				return nil, err
			}
			for i := range list.Items {
				all = append(all, &list.Items[i])
			}
		case object.GetKind() == "" || object.GetName() == "":
			return nil, errors.New("an object has no kind or no name")
		default:
			all = append(all, object)
		}
	}
}
