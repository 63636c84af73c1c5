package etcd

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/sirupsen/logrus"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/etcd/server/v3/etcdserver/api/membership"
	"go.etcd.io/etcd/server/v3/etcdserver/api/snap"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v2store"
	"go.etcd.io/etcd/server/v3/storage/backend"
	"go.etcd.io/etcd/server/v3/storage/schema"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
)

const clusterToken = "etcd-cluster"

// restore puts a snapshot in the place of the data, which it keeps beside. The only member is this machine.
func (m *Member) restore(snapshot string) error {
	info, err := os.Stat(snapshot)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("etcd: snapshot path does not exist: %s", snapshot)
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("etcd: snapshot path must be a file, not a directory: %s", snapshot)
	}
	if filepath.Ext(snapshot) == compressed {
		if snapshot, err = decompress(snapshot); err != nil {
			return err
		}
	}
	old := m.Dir + "-old-" + strconv.FormatInt(time.Now().Unix(), 10)
	if err := os.Rename(m.Dir, old); err != nil {
		return err
	}
	logrus.Infof("Pre-restore etcd database moved to %s", old)
	folder := m.path(filepath.Join("member", "snap"))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	if err := copyVerified(snapshot, filepath.Join(folder, "db")); err != nil {
		return err
	}
	return m.writeHistory(folder)
}

// copyVerified leaves out the digest with which a snapshot ends.
func copyVerified(snapshot, to string) error {
	content, err := os.ReadFile(snapshot)
	if err != nil {
		return err
	}
	length := len(content) - sha256.Size
	if length < 0 || length%512 != 0 {
		return fmt.Errorf("snapshot missing hash but --skip-hash-check=false: %s", snapshot)
	}
	if digest := sha256.Sum256(content[:length]); !bytes.Equal(digest[:], content[length:]) {
		return fmt.Errorf("%s is damaged: its content does not have the digest at its end", snapshot)
	}
	return os.WriteFile(to, content[:length], 0o600)
}

// writeHistory gives the data a log in which this machine is the only member there ever was.
func (m *Member) writeHistory(folder string) error {
	settings := backend.DefaultBackendConfig(zap.NewNop())
	settings.Path = filepath.Join(folder, "db")
	data := backend.New(settings)
	defer data.Close()
	urls, err := types.NewURLsMap(m.name + "=" + m.peerURL())
	if err != nil {
		return err
	}
	cluster, err := membership.NewClusterFromURLsMap(zap.NewNop(), clusterToken, urls)
	if err != nil {
		return err
	}
	members := schema.NewMembershipBackend(zap.NewNop(), data)
	if err := members.TrimMembershipFromBackend(); err != nil {
		return err
	}
	store := v2store.New("/0", "/1") // the two roots that etcd expects
	cluster.SetStore(store)
	cluster.SetBackend(members)
	self := cluster.MemberByName(m.name)
	cluster.AddMember(self, membership.ApplyBoth)
	index, err := m.writeLog(folder, cluster, self, store)
	if err != nil {
		return err
	}
	transaction := data.BatchTx()
	transaction.Lock()
	schema.UnsafeUpdateConsistentIndexForce(transaction, index, 1)
	transaction.Unlock()
	data.ForceCommit()
	return nil
}

// writeLog gives the number of its last entry.
func (m *Member) writeLog(folder string, cluster *membership.RaftCluster, self *membership.Member, store v2store.Store) (uint64, error) {
	metadata, err := (&etcdserverpb.Metadata{NodeID: uint64(self.ID), ClusterID: uint64(cluster.ID())}).Marshal()
	if err != nil {
		return 0, err
	}
	log, err := wal.Create(zap.NewNop(), filepath.Join(filepath.Dir(folder), "wal"), metadata)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	added, err := json.Marshal(self)
	if err != nil {
		return 0, err
	}
	change, err := (&raftpb.ConfChange{Type: raftpb.ConfChangeAddNode, NodeID: uint64(self.ID), Context: added}).Marshal()
	if err != nil {
		return 0, err
	}
	const index, term = 1, 1
	entry := raftpb.Entry{Type: raftpb.EntryConfChange, Term: term, Index: index, Data: change}
	hard := raftpb.HardState{Term: term, Vote: uint64(self.ID), Commit: index}
	if err := log.Save(hard, []raftpb.Entry{entry}); err != nil {
		return 0, err
	}
	kept, err := store.Save()
	if err != nil {
		return 0, err
	}
	voters := raftpb.ConfState{Voters: []uint64{uint64(self.ID)}}
	err = snap.New(zap.NewNop(), folder).SaveSnap(raftpb.Snapshot{Data: kept,
		Metadata: raftpb.SnapshotMetadata{Index: index, Term: term, ConfState: voters}})
	if err != nil {
		return 0, err
	}
	return index, log.SaveSnapshot(walpb.Snapshot{Index: index, Term: term, ConfState: &voters})
}

func copyAll(to string, from io.Reader) error {
	target, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, from)
	if closing := target.Close(); err == nil {
		err = closing
	}
	return err
}
