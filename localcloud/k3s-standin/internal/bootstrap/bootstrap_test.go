package bootstrap

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type memory map[string][]byte

func (m memory) List(context.Context, string) (map[string][]byte, error) { return maps.Clone(m), nil }

func (m memory) Put(_ context.Context, key string, value []byte) error {
	m[key] = value
	return nil
}

func (m memory) Delete(_ context.Context, key string) error {
	delete(m, key)
	return nil
}

// kept is a cluster with one file that was saved under the token "secret".
func kept(t *testing.T) (*Data, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cred", "passwd")
	d := &Data{Store: memory{}, Files: map[string]string{"PasswdFile": path}}
	put(t, path, "first", time.Now().Add(-time.Minute))
	if fresh, err := d.Reconcile(t.Context(), "secret"); !fresh || err != nil {
		t.Fatalf("fresh %t, %v", fresh, err)
	}
	if err := d.Save(t.Context(), "secret"); err != nil {
		t.Fatal(err)
	}
	return d, path
}

func put(t *testing.T, path, content string, at time.Time) {
	t.Helper()
	if err := (file{Timestamp: at, Content: []byte(content)}).write(path); err != nil {
		t.Fatal(err)
	}
}

func reconcile(t *testing.T, d *Data, password string) error {
	t.Helper()
	fresh, err := d.Reconcile(t.Context(), password)
	if fresh {
		t.Error("the datastore has forgotten")
	}
	return err
}

func has(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%v, %q, want %q", err, got, want)
	}
}

func TestAnotherTokenDoesNotFit(t *testing.T) {
	d, _ := kept(t)
	if err := reconcile(t, d, "secret"); err != nil {
		t.Error(err)
	}
	if err := reconcile(t, d, "another"); !errors.Is(err, ErrOtherToken) {
		t.Errorf("error %v", err)
	}
	if err := d.Save(t.Context(), "another"); !errors.Is(err, ErrOtherToken) {
		t.Errorf("error %v", err)
	}
}

func TestTheDatastoreGivesBackWhatIsMissing(t *testing.T) {
	d, path := kept(t)
	if err := os.RemoveAll(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	if err := reconcile(t, d, "secret"); err != nil {
		t.Fatal(err)
	}
	has(t, path, "first")
}

func TestAChangeOnDiskIsRefusedAndAnOlderFileReplaced(t *testing.T) {
	d, path := kept(t)
	put(t, path, "second", time.Now())
	err := reconcile(t, d, "secret")
	if err == nil || !strings.HasPrefix(err.Error(), path+" newer than datastore and could cause a cluster outage.") {
		t.Errorf("error %v", err)
	}
	put(t, path, "second", time.Now().Add(-time.Hour))
	if err := reconcile(t, d, "secret"); err != nil {
		t.Fatal(err)
	}
	has(t, path, "first")
}

func TestARotationMovesTheDataAndTakesTheDiskAsItIs(t *testing.T) {
	for _, password := range []string{"another", "secret"} {
		d, path := kept(t)
		put(t, path, "second", time.Now())
		if err := d.Rotate(t.Context(), "secret", password); err != nil {
			t.Fatal(err)
		}
		if err := reconcile(t, d, password); err != nil {
			t.Error(err)
		}
		if n := len(d.Store.(memory)); n != 1 {
			t.Errorf("%d keys", n)
		}
	}
}

func TestWhatIsKeptCannotBeReadWithoutTheToken(t *testing.T) {
	d, _ := kept(t)
	for _, sealed := range d.Store.(memory) {
		if bytes.Contains(sealed, []byte("first")) {
			t.Error("it is legible")
		}
		if _, err := open("another", sealed); err == nil {
			t.Error("another token opens it")
		}
	}
}
