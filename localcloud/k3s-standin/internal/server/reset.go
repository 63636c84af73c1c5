package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/sirupsen/logrus"

	"k3s-aws/localcloud/k3s-standin/internal/config"
	"k3s-aws/localcloud/k3s-standin/internal/shutdown"
)

// errReset is with what k3s ends after a reset.
var errReset = errors.New("Managed etcd cluster membership has been reset, restart without --cluster-reset flag now. " +
	"Backup and delete ${datadir}/server/db on each peer etcd server and rejoin the nodes") //nolint:staticcheck // its words

// reset is `k3s server --cluster-reset`: no API server and no node, and an end as soon as it is done.
func reset(ctx context.Context, c *config.Server, files *files, d *etcdDatastore) error {
	if c.RestorePath != "" && c.TokenByFile {
		if _, err := os.Stat(files.path("token")); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s does not exist, please pass --token to complete the restoration", files.path("token"))
		}
	}
	if err := files.prepare(c, time.Now); err != nil {
		return fmt.Errorf("preparing server: failed to generate server dependencies: %w", err)
	}
	if err := d.member.Prepare(false); err != nil {
		return fmt.Errorf("preparing server: failed to start supervisor listener: %w", err)
	}
	if err := d.member.Open(); err != nil {
		return failed(err)
	}
	var err error
	if d.running, err = d.member.Reset(ctx, c.RestorePath); err != nil {
		return failed(err)
	}
	if err := d.member.AwaitReset(ctx); err != nil {
		return err
	}
	if err := d.member.Put(ctx, addressesKey, nil); err != nil {
		return err
	}
	if err := rebootstrap(ctx, c, files, d); err != nil {
		return err
	}
	return shutdown.Because(errReset)
}

// rebootstrap makes the files on disk those of the data, which may be an older cluster's, and keeps a copy.
func rebootstrap(ctx context.Context, c *config.Server, files *files, d *etcdDatastore) error {
	password, err := files.password(c)
	if err != nil {
		return err
	}
	backup := files.path("tls-" + strconv.FormatInt(time.Now().Unix(), 10))
	logrus.Infof("Cluster reset: backing up certificates directory to %s", backup)
	if err := os.CopyFS(backup, os.DirFS(files.path("tls"))); err != nil {
		return fmt.Errorf("cluster reset failed to back up server TLS dir: %w", err)
	}
	for _, path := range files.kept() {
		// The data counts, whatever is newer.
		if err := os.Chtimes(path, time.Unix(0, 0), time.Unix(0, 0)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if _, err := d.data.Reconcile(ctx, password); err != nil {
		return err
	}
	return files.prepare(c, time.Now)
}

// afterReset forgets on the first normal start what the reset left: the node's password, which may be of another
// time than the data, and requests to remove members.
func (s *server) afterReset(ctx context.Context, d *etcdDatastore, forget func(context.Context, string) error) error {
	if !d.member.WasReset() {
		return nil
	}
	if err := forget(ctx, s.config.Name); err != nil {
		logrus.Warnf("failed to delete old node password secret: %v", err)
	}
	if err := s.forgetRemovals(ctx); err != nil {
		return err
	}
	return os.Remove(filepath.Clean(d.member.ResetFile()))
}
