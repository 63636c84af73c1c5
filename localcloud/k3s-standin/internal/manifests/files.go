package manifests

import (
	"bufio"
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

// decode takes a file apart as k3s does (pkg/deploy/controller.go): one object or list between two
// separators, and what begins with a brace is JSON.
func decode(raw []byte) ([]*unstructured.Unstructured, error) {
	documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(raw)))
	var all []*unstructured.Unstructured
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		if isEmpty(document) {
			continue
		}
		objects, err := decodeDocument(document)
		if err != nil {
			return nil, err
		}
		all = append(all, objects...)
	}
}

func decodeDocument(document []byte) ([]*unstructured.Unstructured, error) {
	content, err := yaml.ToJSON(document)
	if err != nil {
		return nil, err
	}
	decoded, _, err := unstructured.UnstructuredJSONScheme.Decode(content, nil, nil)
	if err != nil {
		return nil, err
	}
	var all []*unstructured.Unstructured
	if list, isList := decoded.(*unstructured.UnstructuredList); isList {
		for i := range list.Items {
			all = append(all, &list.Items[i])
		}
	} else {
		all = append(all, decoded.(*unstructured.Unstructured))
	}
	for _, object := range all {
		if object.GetKind() == "" || object.GetName() == "" {
			return nil, errors.New("an object has no kind or no name")
		}
	}
	return all, nil
}

// isEmpty reports whether a document has nothing but blanks, comments and separators.
func isEmpty(document []byte) bool {
	for line := range bytes.SplitSeq(document, []byte("\n")) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && string(line) != "---" {
			return false
		}
	}
	return true
}
