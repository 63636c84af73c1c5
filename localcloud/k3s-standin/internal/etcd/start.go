package etcd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sirupsen/logrus"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	etcderrors "go.etcd.io/etcd/server/v3/etcdserver/errors"
)

// TestEvery is k3s's pause between two looks whether etcd is ready. Tests shorten it.
var TestEvery = 5 * time.Second

const statusTimeout = 30 * time.Second

// Open makes the client of this machine's etcd, which may not run yet.
func (m *Member) Open() (err error) {
	m.client, err = m.connect(m.Endpoint())
	return err
}

// Close ends what Open made.
func (m *Member) Close() {
	if m.client != nil {
		m.client.Close()
	}
}

// Continue starts a member that has data.
func (m *Member) Continue(ctx context.Context) (*Running, error) {
	logrus.Info("Starting etcd for existing cluster member")
	return m.run(ctx, initial{}, false)
}

// Found starts the first member of another cluster.
func (m *Member) Found(ctx context.Context) (*Running, error) {
	logrus.Info("Starting etcd for new cluster, cluster-reset=false")
	return m.run(ctx, m.alone(), false)
}

func (m *Member) alone() initial { return initial{cluster: m.name + "=" + m.peerURL(), state: "new"} }

// Running is an etcd that was started; it runs until Stop.
type Running struct {
	ended chan struct{}
	stop  context.CancelFunc
}

func (m *Member) run(ctx context.Context, first initial, forceNew bool) (*Running, error) {
	config, err := m.settings(first, forceNew)
	if err != nil {
		return nil, err
	}
	removed := make(chan struct{})
	if err := logTo(config, removed); err != nil {
		return nil, err
	}
	server, err := embed.StartEtcd(config)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	r := &Running{ended: make(chan struct{}), stop: stop}
	go func() {
		defer close(r.ended)
		defer server.Close()
		m.watch(ctx, server, removed)
	}()
	return r, nil
}

// watch leaves a tombstone when the others have removed this member. The process runs on, as k3s does.
func (m *Member) watch(ctx context.Context, server *embed.Etcd, removed <-chan struct{}) {
	select {
	case <-ctx.Done():
		logrus.Info("Stopping etcd server...")
		return
	case err := <-server.Err():
		logrus.Errorf("etcd exited: %v", err)
	case <-server.Server.StopNotify():
		logrus.Info("etcd server stopped")
	case <-removed:
	}
	select {
	case <-removed: // which also stops it
		if err := os.WriteFile(m.path(tombstoneName), nil, 0o600); err != nil {
			logrus.Fatalf("Failed to write tombstone file to %s: %v", m.path(tombstoneName), err)
		}
		logrus.Info("This node has been removed from the cluster - please restart k3s to rejoin the cluster")
	default:
	}
}

// Stop returns when the last write is on disk.
func (r *Running) Stop() {
	r.stop()
	<-r.ended
}

// AwaitReady returns when this machine's etcd is a voting member with a leader.
func (m *Member) AwaitReady(ctx context.Context) error {
	for {
		err := m.test(ctx)
		if err == nil {
			logrus.Info("Connection to etcd is ready")
			return nil
		}
		if ctx.Err() == nil {
			logrus.Infof("Failed to test etcd connection: %v", err)
		}
		if err := pause(ctx, TestEvery); err != nil {
			return err
		}
	}
}

func (m *Member) test(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	status, err := m.client.Status(ctx, m.Endpoint())
	switch {
	case err != nil:
		return fmt.Errorf("failed to get etcd status: %w", err)
	case status.IsLearner:
		return errors.New("this server has not yet been promoted from learner to voting member")
	case status.Leader == 0:
		return etcderrors.ErrNoLeader
	}
	logrus.Infof("Connected to etcd v%s - datastore using %d of %d bytes", status.Version, status.DbSizeInUse, status.DbSize)
	if err := m.clearAlarms(ctx, status.Header.MemberId); err != nil {
		return fmt.Errorf("failed to disarm etcd alarms: %w", err)
	}
	return m.checkMembership(ctx)
}

// clearAlarms ends this member's alarm about space, which etcd itself does not.
func (m *Member) clearAlarms(ctx context.Context, self uint64) error {
	alarms, err := m.client.AlarmList(ctx)
	if err != nil {
		return fmt.Errorf("etcd alarm list failed: %w", err)
	}
	for _, alarm := range alarms.Alarms {
		switch {
		case alarm.MemberID != self:
		case alarm.Alarm != etcdserverpb.AlarmType_NOSPACE:
			return fmt.Errorf("%s alarm must be disarmed manually", alarm.Alarm)
		default:
			if _, err := m.client.AlarmDisarm(ctx, (*clientv3.AlarmMember)(alarm)); err != nil {
				return fmt.Errorf("%s disarm failed: %w", alarm.Alarm, err)
			}
		}
	}
	return nil
}

// checkMembership refuses data of another machine: the address or the name changed since it was written.
func (m *Member) checkMembership(ctx context.Context) error {
	members, err := m.client.MemberList(ctx)
	if err != nil {
		return err
	}
	var found []string
	for _, member := range members.Members {
		for _, peer := range member.PeerURLs {
			if peer == m.peerURL() && member.Name == m.name {
				return nil
			}
		}
		if len(member.PeerURLs) > 0 {
			found = append(found, member.Name+"="+member.PeerURLs[0])
		}
	}
	return fmt.Errorf("this server is not a member of the etcd cluster. Found %v, expect: %s=%s", found, m.name, m.peerURL())
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
