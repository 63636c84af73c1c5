package etcd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sirupsen/logrus"
)

// ResetFile is there from a reset until the next normal start.
func (m *Member) ResetFile() string { return filepath.Join(filepath.Dir(m.Dir), "reset-flag") }

// WasReset is true between a reset and the normal start after it.
func (m *Member) WasReset() bool {
	_, err := os.Stat(m.ResetFile())
	return err == nil
}

// Reset makes this member the only one of its cluster, first from a snapshot when there is a path. It listens on
// loopback only meanwhile.
func (m *Member) Reset(ctx context.Context, snapshot string) (*Running, error) {
	if snapshot == "" && m.WasReset() {
		return nil, fmt.Errorf("Managed etcd cluster membership was previously reset, please remove the cluster-reset "+
			"flag and start k3s normally. If you need to perform another cluster reset, you must first manually delete "+
			"the file at %s", m.ResetFile()) //nolint:staticcheck // k3s's words
	}
	if snapshot != "" {
		if err := m.restore(snapshot); err != nil {
			return nil, err
		}
	}
	if err := m.ensureName(true); err != nil {
		return nil, err
	}
	if err := os.WriteFile(m.ResetFile(), nil, 0o600); err != nil {
		return nil, err
	}
	logrus.Info("Starting etcd for new cluster, cluster-reset=true")
	return m.run(ctx, m.alone(), true)
}

// AwaitReset returns when this member is the only one, under its name and address.
func (m *Member) AwaitReset(ctx context.Context) error {
	for {
		err := m.test(ctx)
		if err == nil {
			return nil
		}
		logrus.Infof("Failed to test etcd connection: %v", err)
		if err := m.moveHere(ctx); err != nil && ctx.Err() == nil {
			logrus.Warnf("failed to update peer url: %v", err)
		}
		if err := pause(ctx, TestEvery); err != nil {
			return err
		}
	}
}

// moveHere gives the only member this machine's address, which may be another than that of the data.
func (m *Member) moveHere(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	members, err := m.client.MemberList(ctx)
	if err != nil {
		return err
	}
	if len(members.Members) > 1 {
		return fmt.Errorf("etcd still has more than one member")
	}
	_, err = m.client.MemberUpdate(ctx, members.Members[0].ID, []string{m.peerURL()})
	return err
}
