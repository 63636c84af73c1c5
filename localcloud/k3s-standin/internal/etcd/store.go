package etcd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/lease"
	"go.etcd.io/etcd/server/v3/storage/backend"
	"go.etcd.io/etcd/server/v3/storage/mvcc"
	"go.uber.org/zap"
)

// List gives what stands under keys that begin so.
func (m *Member) List(ctx context.Context, prefix string) (map[string][]byte, error) {
	found, err := m.client.Get(ctx, prefix, clientv3.WithPrefix())
	if err != nil {
		return nil, err
	}
	all := map[string][]byte{}
	for _, kv := range found.Kvs {
		all[string(kv.Key)] = kv.Value
	}
	return all, nil
}

// Put creates or replaces.
func (m *Member) Put(ctx context.Context, key string, value []byte) error {
	_, err := m.client.Put(ctx, key, string(value))
	return err
}

// Delete is content with a key that is gone.
func (m *Member) Delete(ctx context.Context, key string) error {
	_, err := m.client.Delete(ctx, key)
	return err
}

// ListStopped reads a copy of the data on disk while etcd does not run. What only its log has is not there.
func (m *Member) ListStopped(prefix string) (map[string][]byte, error) {
	copied := m.Dir + "-tmp"
	defer os.RemoveAll(copied)
	if err := copyFile(filepath.Join(m.Dir, "member", "snap", "db"), copied); err != nil {
		return nil, fmt.Errorf("failed to create temporary datastore client: %w", err)
	}
	settings := backend.DefaultBackendConfig(zap.NewNop())
	settings.Path = copied
	data := backend.New(settings)
	defer data.Close()
	store := mvcc.NewStore(zap.NewNop(), data, &lease.FakeLessor{}, mvcc.StoreConfig{})
	defer store.Close()
	end := []byte(prefix)
	end[len(end)-1]++
	found, err := store.Range(context.Background(), []byte(prefix), end, mvcc.RangeOptions{})
	if err != nil {
		return nil, err
	}
	all := map[string][]byte{}
	for _, kv := range found.KVs {
		all[string(kv.Key)] = kv.Value
	}
	return all, nil
}

func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	return copyAll(to, source)
}
