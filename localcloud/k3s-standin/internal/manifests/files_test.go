package manifests

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestManifestsAreFoundInSubfoldersAndSkippedOnRequest(t *testing.T) {
	dir := t.TempDir()
	want := []string{write(t, dir, "a.yaml", ""), write(t, dir, "b.yml", ""), write(t, dir, "sub/c.json", "")}
	write(t, dir, "README.md", "")
	write(t, dir, "skipped.yaml", "")
	write(t, dir, "skipped.yaml.skip", "")
	if got, err := find(dir); err != nil || !slices.Equal(want, got) {
		t.Errorf("want %v, got %v, %v", want, got, err)
	}
}

func TestAMissingFolderHoldsNoManifests(t *testing.T) {
	if got, err := find(filepath.Join(t.TempDir(), "missing")); err != nil || len(got) != 0 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestDocumentsListsAndJSONBecomeObjects(t *testing.T) {
	for name, text := range map[string]string{
		"documents": "---\n# nothing\n---\nkind: ConfigMap\napiVersion: v1\nmetadata: {name: a}\n---\nkind: Secret\napiVersion: v1\nmetadata: {name: b}\n",
		"a list":    "kind: List\napiVersion: v1\nitems:\n- {kind: ConfigMap, apiVersion: v1, metadata: {name: a}}\n- {kind: Secret, apiVersion: v1, metadata: {name: b}}\n",
		"JSON":      `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a"}}` + "\n---\n" + `{"kind":"Secret","apiVersion":"v1","metadata":{"name":"b"}}`,
	} {
		objects, err := decode([]byte(text))
		if err != nil || len(objects) != 2 {
			t.Errorf("%s: %d objects, %v", name, len(objects), err)
			continue
		}
		got := []string{objects[0].GetKind(), objects[0].GetName(), objects[1].GetKind(), objects[1].GetName()}
		if want := []string{"ConfigMap", "a", "Secret", "b"}; !slices.Equal(want, got) {
			t.Errorf("%s: want %v, got %v", name, want, got)
		}
	}
}

func TestAManifestThatIsNoObjectIsAnError(t *testing.T) {
	for _, text := range []string{
		"kind: ConfigMap\napiVersion: v1\n",
		"metadata: {name: a}\n",
		"a: [\n",
		"~\n",
		"--- {kind: ConfigMap, apiVersion: v1, metadata: {name: a}}\n",
		// What begins with a brace is JSON to k3s.
		"{kind: ConfigMap, apiVersion: v1, metadata: {name: a}}\n",
	} {
		if _, err := decode([]byte(text)); err == nil {
			t.Errorf("%q: want an error", text)
		}
	}
}

func TestTheHelmDefinitionsAreTwo(t *testing.T) {
	if objects, err := decode(crds); err != nil || len(objects) != 2 {
		t.Errorf("%d objects, %v", len(objects), err)
	}
}
