// Reads YAML as k3s, Helm and kubectl read it, for tests of what the program reads and writes.
//
// A request is a JSON object on standard input, its reply a line of JSON on standard output.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/tools/clientcmd/api/latest"
	sigs "sigs.k8s.io/yaml"
)

type request struct {
	As   string `json:"as"`
	Text string `json:"text"`
}

type reply struct {
	Value any    `json:"value"`
	Error string `json:"error,omitempty"`
}

var readers = map[string]func([]byte) (any, error){
	"manifest":   manifest,
	"values":     values,
	"kubeconfig": kubeconfig,
}

func main() {
	requests, replies := json.NewDecoder(bufio.NewReader(os.Stdin)), json.NewEncoder(os.Stdout)
	for {
		var given request
		if err := requests.Decode(&given); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			log.Fatal(err)
		}
		value, err := readers[given.As]([]byte(given.Text))
		result := reply{Value: value}
		if err != nil {
			result = reply{Error: err.Error()}
		}
		if err := replies.Encode(result); err != nil {
			log.Fatal(err)
		}
	}
}

// manifest returns the objects of a file as k3s reads them (pkg/deploy/controller.go).
func manifest(text []byte) (any, error) {
	objects := []any{}
	documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		} else if err != nil {
			return nil, err
		}
		if isEmpty(document) {
			continue
		}
		content, err := yaml.ToJSON(document)
		if err != nil {
			return nil, err
		}
		object, _, err := unstructured.UnstructuredJSONScheme.Decode(content, nil, nil)
		if err != nil {
			return nil, err
		}
		objects = append(objects, items(object)...)
	}
}

func isEmpty(document []byte) bool {
	for _, line := range bytes.Split(document, []byte("\n")) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && string(line) != "---" {
			return false
		}
	}
	return true
}

func items(object runtime.Object) []any {
	list, isList := object.(*unstructured.UnstructuredList)
	if !isList {
		return []any{object.(*unstructured.Unstructured).Object}
	}
	var all []any
	for _, item := range list.Items {
		all = append(all, item.Object)
	}
	return all
}

// values returns one document, as Helm reads a file of values; numbers as they are written.
func values(text []byte) (any, error) {
	content, err := sigs.YAMLToJSON(text)
	return json.RawMessage(content), err
}

// kubeconfig returns what kubectl reads in a kubeconfig; contexts and others by name.
func kubeconfig(text []byte) (any, error) {
	found := api.NewConfig()
	return found, runtime.DecodeInto(latest.Codec, text, found)
}
