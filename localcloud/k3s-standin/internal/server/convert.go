package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/sirupsen/logrus"

	"k3s-aws/localcloud/k3s-standin/internal/controlplane"
)

// objects are what Kubernetes keeps in its datastore. The bootstrap data is saved anew.
const objects = "/registry/"

// convert moves the objects of an SQLite file that an earlier start used to etcd.
func (d *etcdDatastore) convert(ctx context.Context) error {
	file := d.files.path("db", "state.db")
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	logrus.Info("Migrating content from sqlite to etcd")
	if err := d.move(ctx); err != nil {
		return fmt.Errorf("failed to migrate content from sqlite to etcd: %w", err)
	}
	return os.Rename(file, file+".migrated")
}

func (d *etcdDatastore) move(ctx context.Context) error {
	sqlite, err := controlplane.StartDatastore(d.files.path("db"))
	if err != nil {
		return err
	}
	defer sqlite.Stop()
	all, err := sqlite.List(ctx, objects)
	if err != nil {
		return err
	}
	for key, value := range all {
		logrus.Infof("Migrating etcd key %s", key)
		if err := d.member.Put(ctx, key, value); err != nil {
			return err
		}
	}
	return nil
}
