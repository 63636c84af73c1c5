package etcd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	neturl "net/url"
	"time"

	"github.com/sirupsen/logrus"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

const (
	removeTimeout = time.Minute
	listTimeout   = 2 * time.Second
)

// MemberList is what a joining server is told.
func (m *Member) MemberList(ctx context.Context) ([]byte, error) {
	if m.client == nil {
		return nil, errors.New("failed to get etcd MemberList: etcd not started")
	}
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	members, err := m.client.MemberList(ctx)
	if err != nil {
		return nil, fmt.Errorf("failed to get etcd MemberList: %w", err)
	}
	return json.Marshal(Members{Members: members.Members})
}

// Remove takes a member out of the cluster whose name and address are both known. A leader is replaced before.
// One that is not there is no error; the last one is not removed.
func (m *Member) Remove(ctx context.Context, name, address string) error {
	ctx, cancel := context.WithTimeout(ctx, removeTimeout)
	defer cancel()
	members, err := m.client.MemberList(ctx)
	if err != nil {
		return err
	}
	var other *etcdserverpb.Member
	for _, member := range members.Members {
		if !member.IsLearner && member.Name != name && other == nil {
			other = member
		}
	}
	for _, member := range members.Members {
		if member.Name == name && hasAddress(member, address) {
			return m.remove(ctx, member, other, address)
		}
	}
	return nil
}

func hasAddress(member *etcdserverpb.Member, address string) bool {
	for _, each := range member.PeerURLs {
		if u, err := neturl.Parse(each); err == nil && u.Hostname() == address {
			return true
		}
	}
	return false
}

func (m *Member) remove(ctx context.Context, member, other *etcdserverpb.Member, address string) error {
	status, err := m.client.Status(ctx, m.Endpoint())
	if err != nil {
		return err
	}
	if status.Leader == member.ID {
		if other == nil {
			return rpctypes.ErrMemberNotEnoughStarted
		}
		if err := m.moveLeader(ctx, member, other); err != nil {
			return err
		}
	}
	logrus.Infof("Removing name=%s id=%d address=%s from etcd", member.Name, member.ID, address)
	_, err = m.client.MemberRemove(ctx, member.ID)
	if errors.Is(err, rpctypes.ErrMemberNotFound) {
		return nil
	}
	return err
}

// moveLeader asks the leader itself, which etcd requires.
func (m *Member) moveLeader(ctx context.Context, from, to *etcdserverpb.Member) error {
	client, err := m.connect(from.ClientURLs...)
	if err != nil {
		return err
	}
	defer client.Close()
	logrus.Infof("Moving etcd cluster leader from %s to %s", from.Name, to.Name)
	_, err = client.MoveLeader(ctx, to.ID)
	return err
}
