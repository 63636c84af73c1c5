// Package bootstrap keeps in the datastore what a cluster cannot be without: its authorities and its
// passwords, encrypted with the server's token. At each start the disk is compared with it.
package bootstrap

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
)

// skew is by how much a file must be younger than the datastore's copy to be somebody's change.
const skew = 3 * time.Second

// ErrOtherToken is k3s's sentence for a token that the datastore does not know.
var ErrOtherToken = errors.New("bootstrap data already found and encrypted with different token")

// Store is the part of a datastore that is needed. Put creates or replaces.
type Store interface {
	List(ctx context.Context, prefix string) (map[string][]byte, error)
	Put(ctx context.Context, key string, value []byte) error
	Delete(ctx context.Context, key string) error
}

// Data is the cluster's, on disk and in the datastore.
type Data struct {
	Store Store
	Files map[string]string // where on disk, by name
}

type file struct {
	Timestamp time.Time
	Content   []byte
}

// Reconcile checks that the token fits the datastore and makes the files on disk what the datastore
// says. It is true for a datastore that holds nothing yet: then Save is due once the files are there.
func (d *Data) Reconcile(ctx context.Context, password string) (fresh bool, err error) {
	kept, err := d.Store.List(ctx, keyPrefix)
	if err != nil || len(kept) == 0 {
		return err == nil, err
	}
	sealed, known := kept[keyOf(password)]
	if !known {
		return false, ErrOtherToken
	}
	plain, err := open(password, sealed)
	if err != nil {
		return false, err
	}
	return false, d.Accept(plain)
}

// Accept makes the files on disk what another server has told.
func (d *Data) Accept(plain []byte) error {
	files := map[string]file{}
	if err := json.Unmarshal(plain, &files); err != nil {
		return err
	}
	logrus.Info("Reconciling bootstrap data between datastore and disk")
	return d.restore(files)
}

// Tell gives a joining server what it needs: from the datastore, or from disk while that is not reachable.
func (d *Data) Tell(ctx context.Context, password string) ([]byte, error) {
	kept, err := d.Store.List(ctx, keyPrefix)
	if err == nil {
		var plain []byte
		if plain, err = open(password, kept[keyOf(password)]); err == nil {
			return plain, nil
		}
	}
	logrus.Warnf("Failed to retrieve HTTP bootstrap data from datastore; falling back to disk: %v", err)
	return d.OnDisk()
}

// Ensure saves the files unless the datastore has them, under this token.
func (d *Data) Ensure(ctx context.Context, password string) error {
	kept, err := d.Store.List(ctx, keyPrefix)
	if err != nil {
		return err
	}
	if _, known := kept[keyOf(password)]; known {
		logrus.Warn("Bootstrap key already exists")
		return nil
	}
	return d.Save(ctx, password)
}

// OnDisk gives the files as they are, for a server that joins.
func (d *Data) OnDisk() ([]byte, error) {
	files := map[string]file{}
	for name, path := range d.Files {
		var err error
		if files[name], err = read(path); err != nil {
			return nil, err
		}
	}
	return json.Marshal(files)
}

// restore writes all files when one is missing or older. One that was changed on disk is refused.
func (d *Data) restore(files map[string]file) error {
	var younger []string
	stale, whole := false, d.foldersExist()
	for name, kept := range files {
		path, known := d.Files[name]
		if !known {
			continue
		}
		have, err := read(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			stale = true
		case err != nil:
			return err
		case bytes.Equal(have.Content, kept.Content):
		case whole && have.Timestamp.Unix()-kept.Timestamp.Unix() >= int64(skew/time.Second):
			younger = append(younger, path)
		default:
			stale = true
		}
	}
	if len(younger) > 0 {
		slices.Sort(younger)
		return errors.New(strings.Join(younger, ", ") + " newer than datastore and could cause a cluster outage. " +
			"Remove the file(s) from disk and restart to be recreated from datastore.")
	}
	if !stale {
		return nil
	}
	logrus.Warn("Updating bootstrap data on disk from datastore")
	for name, kept := range files {
		if path, known := d.Files[name]; known {
			if err := kept.write(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// foldersExist is false on a machine that is new, whose files count for nothing then.
func (d *Data) foldersExist() bool {
	for _, path := range d.Files {
		if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) == 0 {
			return false
		}
	}
	return true
}

// Save puts the files on disk into the datastore, whatever stood there for this token.
func (d *Data) Save(ctx context.Context, password string) error {
	logrus.Info("Saving cluster bootstrap data to datastore")
	kept, err := d.Store.List(ctx, keyPrefix)
	if err != nil {
		return err
	}
	if _, known := kept[keyOf(password)]; !known && len(kept) > 0 {
		return ErrOtherToken
	}
	plain, err := d.OnDisk()
	if err != nil {
		return err
	}
	sealed, err := seal(password, plain)
	if err != nil {
		return err
	}
	return d.Store.Put(ctx, keyOf(password), sealed)
}

// Rotate moves the data to another token and saves what is on disk now. The same token again only
// saves, which is how a change on disk gets into the datastore.
func (d *Data) Rotate(ctx context.Context, old, password string) error {
	if keyOf(old) != keyOf(password) {
		kept, err := d.Store.List(ctx, keyPrefix)
		if err != nil {
			return err
		}
		plain, err := open(old, kept[keyOf(old)])
		if err != nil {
			return fmt.Errorf("bootstrap data: %w", err)
		}
		sealed, err := seal(password, plain)
		if err != nil {
			return err
		}
		// The old key goes last, so that a power cut loses nothing.
		if err := d.Store.Put(ctx, keyOf(password), sealed); err != nil {
			return err
		}
		if err := d.Store.Delete(ctx, keyOf(old)); err != nil {
			return err
		}
	}
	return d.Save(ctx, password)
}

func read(path string) (file, error) {
	info, err := os.Stat(path)
	if err != nil {
		return file{}, err
	}
	content, err := os.ReadFile(path)
	return file{Timestamp: info.ModTime(), Content: content}, err
}

func (f file) write(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(path, f.Content, 0o600); err != nil {
		return err
	}
	return os.Chtimes(path, f.Timestamp, f.Timestamp)
}
