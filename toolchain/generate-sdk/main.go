// Generates the SDK of a package by the code that the language hosts call for it.
//
// The hosts that can do it themselves are in no Go module, so `pulumi package add` has none here.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	golang "github.com/pulumi/pulumi/pkg/v3/codegen/go"
	"github.com/pulumi/pulumi/pkg/v3/codegen/nodejs"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
)

func main() {
	if err := generate(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// generate writes the SDK of the schema in a file for a language, nodejs or go, into a folder.
func generate(language, schemaFile, folder string) error {
	text, err := os.ReadFile(schemaFile)
	if err != nil {
		return err
	}
	var spec schema.PackageSpec
	if err := json.Unmarshal(text, &spec); err != nil {
		return err
	}
	pkg, diagnostics, err := schema.BindSpec(spec, schema.NewNullLoader(), schema.ValidationOptions{})
	if err != nil {
		return err
	}
	for _, each := range diagnostics {
		fmt.Fprintln(os.Stderr, each.Summary, each.Detail)
	}
	if diagnostics.HasErrors() {
		return fmt.Errorf("%s has errors", schemaFile)
	}
	// As `pulumi package add` has it.
	pkg.SupportPack = true
	files, err := of(language, pkg)
	if err != nil {
		return err
	}
	for name, content := range files {
		file := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func of(language string, pkg *schema.Package) (map[string][]byte, error) {
	switch language {
	case "nodejs":
		return nodejs.GeneratePackage("toolchain", pkg, nil, nil, true, nil)
	case "go":
		return golang.GeneratePackage("toolchain", pkg, nil)
	default:
		return nil, fmt.Errorf("no SDK for %s", language)
	}
}
