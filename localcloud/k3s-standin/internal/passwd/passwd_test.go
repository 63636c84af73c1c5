package passwd

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func mustRead(t *testing.T, path string) *File {
	t.Helper()
	f, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestWhatWasSetIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "passwd")
	f := mustRead(t, path)
	f.Set(Server, `with "quotes", and commas`)
	f.Set(Node, "agents")
	if err := f.Write(); err != nil {
		t.Fatal(err)
	}
	again := mustRead(t, path)
	if again.Password(Server) != `with "quotes", and commas` || again.Password(Node) != "agents" || again.Password("else") != "" {
		t.Errorf("read %+v", again.passwords)
	}
	raw, _ := os.ReadFile(path)
	if want := "agents,node,node,k3s:agent\n\"with \"\"quotes\"\", and commas\",server,server,k3s:server\n"; string(raw) != want {
		t.Errorf("wrote %q, want %q", raw, want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestAFileThatSaysTheSameKeepsItsAge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "passwd")
	f := mustRead(t, path)
	f.Set(Server, "secret")
	if err := f.Write(); err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, long, long); err != nil {
		t.Fatal(err)
	}
	f = mustRead(t, path)
	f.Set(Server, "secret")
	if err := f.Write(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || time.Since(info.ModTime()) < time.Minute {
		t.Errorf("%v, %v", info, err)
	}
}
