package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"k3s-aws/localcloud/k3s-standin/internal/bootstrap"
	"k3s-aws/localcloud/k3s-standin/internal/config"
	"k3s-aws/localcloud/k3s-standin/internal/controlplane"
)

// datastore keeps the cluster's data for this server's API server.
type datastore interface {
	// agree brings the files on disk and the cluster's together, before anything runs.
	agree(ctx context.Context) error
	// start returns when the API server can use it; what goes on beside that is a part.
	start(ctx context.Context, parts *errgroup.Group) error
	endpoint() controlplane.Endpoint
	// stop returns when the last write is on disk.
	stop()
}

// newDatastore decides as k3s does: data of etcd on disk counts more than every flag, and a server to join more
// than founding a cluster.
func newDatastore(c *config.Server, files *files) (datastore, *bootstrap.Data, error) {
	member := newMember(c, files)
	initialized, err := member.Initialized()
	if err != nil {
		return nil, nil, err
	}
	several := c.ClusterInit || c.JoinToken != "" && c.JoinURL != ""
	switch {
	case initialized || c.ClusterReset || several && c.External == "":
		data := &bootstrap.Data{Store: member, Files: files.kept()}
		return &etcdDatastore{config: c, files: files, member: member, data: data}, data, nil
	case c.External != "":
		return nil, nil, errors.New("datastore-endpoint is not available in this stand-in for k3s: it has SQLite and embedded etcd")
	}
	sqlite, err := controlplane.StartDatastore(files.path("db"))
	if err != nil {
		return nil, nil, fmt.Errorf("datastore: %w", err)
	}
	data := &bootstrap.Data{Store: sqlite, Files: files.kept()}
	return &sqliteDatastore{config: c, files: files, sqlite: sqlite, data: data}, data, nil
}

// sqliteDatastore is that of the only server.
type sqliteDatastore struct {
	config *config.Server
	files  *files
	sqlite *controlplane.Datastore
	data   *bootstrap.Data
}

func (d *sqliteDatastore) start(context.Context, *errgroup.Group) error { return nil }

func (d *sqliteDatastore) endpoint() controlplane.Endpoint { return d.sqlite.Endpoint }

func (d *sqliteDatastore) stop() { d.sqlite.Stop() }

// agree follows k3s's order: a token that does not fit changes nothing.
func (d *sqliteDatastore) agree(ctx context.Context) error {
	password, err := d.files.password(d.config)
	if err != nil {
		return err
	}
	fresh, err := d.data.Reconcile(ctx, password)
	if err != nil {
		return fmt.Errorf("failed to bootstrap cluster data: %w", err)
	}
	if err := d.files.prepare(d.config, time.Now); err != nil {
		return err
	}
	if !fresh {
		return nil
	}
	return d.data.Save(ctx, d.files.token)
}
