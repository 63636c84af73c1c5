package controlplane

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/k3s-io/kine/pkg/drivers"
	_ "github.com/k3s-io/kine/pkg/drivers/sqlite" // the one datastore this stand-in has
	"github.com/k3s-io/kine/pkg/server"
	"github.com/sirupsen/logrus"
	"google.golang.org/grpc"
)

// etcdVersion is told to the API server, which chooses its features by it.
const etcdVersion = "3.6.8"

const sqliteOptions = "?_journal_mode=WAL&_busy_timeout=30000&_synchronous=NORMAL&_txlock=immediate" +
	"&_stmt_cache_size=20&cache=shared"

// Datastore is the etcd API on an SQLite file, on a unix socket.
type Datastore struct {
	Endpoint Endpoint
	backend  server.Backend
	stop     context.CancelFunc
	done     *sync.WaitGroup
}

// StartDatastore has a life of its own, because the API server still writes while it shuts down:
// Stop ends it. It does not use kine's endpoint package, which links every other database.
func StartDatastore(dir string) (*Datastore, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	done := &sync.WaitGroup{}
	_, backend, err := drivers.New(ctx, done, &drivers.Config{
		Endpoint:        "sqlite://" + filepath.Join(dir, "state.db") + sqliteOptions,
		CompactInterval: 5 * time.Minute, CompactTimeout: 5 * time.Second,
		CompactMinRetain: 1000, CompactBatchSize: 1000, PollBatchSize: 500,
	})
	if err == nil {
		err = backend.Start(ctx)
	}
	if err != nil {
		stop()
		return nil, err
	}
	socket := filepath.Join(dir, "kine.sock")
	if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		stop()
		return nil, err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		stop()
		return nil, err
	}
	api := grpc.NewServer()
	server.New(backend, "unix", 5*time.Second, etcdVersion).Register(api)
	go func() {
		if err := api.Serve(listener); err != nil && ctx.Err() == nil {
			logrus.Errorf("datastore: %v", err)
		}
	}()
	context.AfterFunc(ctx, api.Stop)
	return &Datastore{Endpoint: Endpoint{URL: "unix://" + socket}, backend: backend, stop: stop, done: done}, nil
}

// Stop returns when the last write is on disk.
func (d *Datastore) Stop() {
	d.stop()
	d.done.Wait()
}

// List gives what stands under keys that begin so.
func (d *Datastore) List(ctx context.Context, prefix string) (map[string][]byte, error) {
	_, found, err := d.backend.List(ctx, prefix, prefixEnd(prefix), 0, 0, false)
	all := map[string][]byte{}
	for _, kv := range found {
		all[kv.Key] = kv.Value
	}
	return all, err
}

// prefixEnd is the first key after those that begin with an ASCII prefix.
func prefixEnd(prefix string) string {
	last := len(prefix) - 1
	return prefix[:last] + string(prefix[last]+1)
}

// Put creates or replaces.
func (d *Datastore) Put(ctx context.Context, key string, value []byte) error {
	_, have, err := d.backend.Get(ctx, key, 0, false)
	if err != nil {
		return err
	}
	if have == nil {
		_, err := d.backend.Create(ctx, key, value, 0)
		return err
	}
	_, _, replaced, err := d.backend.Update(ctx, key, value, have.ModRevision, 0)
	if err == nil && !replaced {
		return fmt.Errorf("%s was changed by somebody else meanwhile", key)
	}
	return err
}

// Delete is content with a key that is gone.
func (d *Datastore) Delete(ctx context.Context, key string) error {
	_, _, _, err := d.backend.Delete(ctx, key, 0)
	return err
}
