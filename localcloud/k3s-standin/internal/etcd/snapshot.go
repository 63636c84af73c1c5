package etcd

import (
	"archive/zip"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"go.etcd.io/etcd/client/v3/snapshot"
	"go.uber.org/zap/zapcore"
)

const compressed = ".zip"

// Snapshots are the files of a folder of this machine.
type Snapshots struct {
	Member   *Member
	Dir      string // the default one is made; others have to exist
	Base     string // of the names
	NodeName string
	Compress bool
	Keep     int // the newest of the same base; 0: all
}

// Snapshot is one file.
type Snapshot struct {
	Name    string
	Path    string
	Size    int64
	Created time.Time
}

// Save writes a snapshot and gives the names of what it made and of what it deleted.
func (s Snapshots) Save(ctx context.Context) (created string, deleted []string, err error) {
	if err := s.ensure(); err != nil {
		return "", nil, err
	}
	settings, err := s.Member.clientSettings(s.Member.Endpoint())
	if err != nil {
		return "", nil, fmt.Errorf("failed to get config for etcd snapshot: %w", err)
	}
	log, err := logger(zapcore.WarnLevel)
	if err != nil {
		return "", nil, err
	}
	name := fmt.Sprintf("%s-%s-%d", s.Base, s.NodeName, time.Now().Round(time.Second).Unix())
	path := filepath.Join(s.Dir, name)
	logrus.Infof("Saving etcd snapshot to %s", path)
	if _, err := snapshot.SaveWithVersion(ctx, log, settings, path); err != nil {
		return "", nil, fmt.Errorf("failed to take etcd snapshot: %w", err)
	}
	if s.Compress {
		if err := compress(path); err != nil {
			return "", nil, fmt.Errorf("failed to compress snapshot: %w", err)
		}
		name += compressed
	}
	deleted, err = s.Prune()
	if err != nil {
		logrus.Warnf("Failed to apply local snapshot retention policy: %v", err)
	}
	return name, deleted, nil
}

func (s Snapshots) ensure() error {
	if s.Dir == s.Member.DefaultSnapshots() {
		return os.MkdirAll(s.Dir, 0o700)
	}
	info, err := os.Stat(s.Dir)
	if err != nil {
		return fmt.Errorf("failed to get etcd-snapshot-dir: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("failed to get etcd-snapshot-dir: %s is not a directory", s.Dir)
	}
	return nil
}

// DefaultSnapshots is where they are unless another folder is set.
func (m *Member) DefaultSnapshots() string { return filepath.Join(filepath.Dir(m.Dir), "snapshots") }

// List gives the files, the oldest first.
func (s Snapshots) List() ([]Snapshot, error) {
	if err := s.ensure(); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		return nil, err
	}
	var all []Snapshot
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || info.IsDir() {
			continue
		}
		base := strings.TrimSuffix(entry.Name(), compressed)
		created := info.ModTime()
		if seconds, err := strconv.ParseInt(base[strings.LastIndexByte(base, '-')+1:], 10, 64); err == nil {
			created = time.Unix(seconds, 0)
		}
		all = append(all, Snapshot{Name: entry.Name(), Path: filepath.Join(s.Dir, entry.Name()), Size: info.Size(), Created: created})
	}
	slices.SortFunc(all, func(a, b Snapshot) int {
		return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.Name, b.Name))
	})
	return all, nil
}

// Delete gives the names of those that there were.
func (s Snapshots) Delete(names []string) (deleted []string, err error) {
	if err := s.ensure(); err != nil {
		return nil, err
	}
	for _, name := range names {
		err := os.Remove(filepath.Join(s.Dir, filepath.Base(name)))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			logrus.Infof("Snapshot %s not found locally", name)
		case err != nil:
			logrus.Errorf("Failed to delete local snapshot %s: %v", name, err)
		default:
			deleted = append(deleted, name)
			logrus.Infof("Snapshot %s deleted locally", name)
		}
	}
	return deleted, nil
}

// Prune deletes the oldest of those with the same base.
func (s Snapshots) Prune() (deleted []string, err error) {
	if s.Keep < 1 {
		return nil, nil
	}
	all, err := s.List()
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(each Snapshot) bool { return !strings.HasPrefix(each.Name, s.Base) })
	for len(all) > s.Keep {
		if err := os.Remove(all[0].Path); err != nil {
			return deleted, err
		}
		deleted = append(deleted, all[0].Name)
		all = all[1:]
	}
	return deleted, nil
}

// compress replaces a file by an archive that holds it.
func compress(path string) error {
	source, err := os.Open(path)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(path+compressed, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer target.Close()
	archive := zip.NewWriter(target)
	entry, err := archive.Create(filepath.Base(path))
	if err != nil {
		return err
	}
	if _, err := source.WriteTo(entry); err != nil {
		return err
	}
	return errors.Join(archive.Close(), os.Remove(path))
}

// decompress puts the file beside its archive.
func decompress(path string) (string, error) {
	archive, err := zip.OpenReader(path)
	if err != nil {
		return "", err
	}
	defer archive.Close()
	if len(archive.File) != 1 {
		return "", errors.New("unexpected compressed etcd snapshot contents")
	}
	source, err := archive.File[0].Open()
	if err != nil {
		return "", err
	}
	defer source.Close()
	target := strings.TrimSuffix(path, compressed)
	return target, copyAll(target, source)
}
