package etcd

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
)

// ManageEvery is how often the leader looks after learners. Tests shorten it.
var ManageEvery = 15 * time.Second

const (
	learnerProgressKey = "k3s/etcd/learnerProgress"
	learnerMaxStall    = 5 * time.Minute
)

// State is one member as the leader sees it. Trouble is empty for one that answers.
type State struct {
	Name    string
	Learner bool
	Trouble string
}

type progress struct {
	ID               uint64      `json:"id,omitempty"`
	Name             string      `json:"name,omitempty"`
	RaftAppliedIndex uint64      `json:"raftAppliedIndex,omitempty"`
	LastProgress     metav1.Time `json:"lastProgress,omitempty"`
}

// ManageLearners promotes learners while this member is the leader, and reports the state of all members.
func (m *Member) ManageLearners(ctx context.Context, report func(context.Context, []State)) {
	wait.UntilWithContext(ctx, func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, ManageEvery)
		defer cancel()
		status, err := m.client.Status(ctx, m.Endpoint())
		if err != nil {
			logrus.Errorf("Failed to check local etcd status for learner management: %v", err)
			return
		}
		if status.Header.MemberId != status.Leader {
			return
		}
		members, err := m.client.MemberList(ctx)
		if err != nil {
			logrus.Errorf("Failed to get etcd members for learner management: %v", err)
			return
		}
		var states []State
		for _, member := range members.Members {
			if member.IsLearner {
				if err := m.promote(ctx, member); err != nil {
					logrus.Errorf("Failed to track learner progress towards promotion: %v", err)
				}
			}
			states = append(states, m.state(ctx, member))
		}
		report(ctx, states)
	}, ManageEvery)
}

func (m *Member) state(ctx context.Context, member *etcdserverpb.Member) State {
	s := State{Name: member.Name, Learner: member.IsLearner}
	if len(member.ClientURLs) == 0 {
		s.Trouble = "etcd member ClientURLs list is empty"
		return s
	}
	status, err := m.client.Status(ctx, member.ClientURLs[0])
	switch {
	case err != nil:
		s.Trouble = "failed to check etcd member status: " + err.Error()
	case len(status.Errors) > 0:
		s.Trouble = "etcd member has status errors: " + strings.Join(status.Errors, ",")
	}
	return s
}

// promote makes a learner a voting member, or removes one that made no progress for minutes.
func (m *Member) promote(ctx context.Context, member *etcdserverpb.Member) error {
	if _, err := m.client.MemberPromote(ctx, member.ID); err == nil {
		logrus.Infof("Promoted learner %s", member.Name)
		return nil
	}
	p, err := m.progress(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	if p.Name != member.Name || p.ID != member.ID {
		p = progress{ID: member.ID, Name: member.Name, LastProgress: metav1.Time{Time: now}}
	}
	if index := m.appliedIndex(ctx, member); index > p.RaftAppliedIndex {
		p.RaftAppliedIndex, p.LastProgress.Time = index, now
	}
	stalled := now.Sub(p.LastProgress.Time)
	if stalled > 0 {
		logrus.Warnf("Learner %s stalled at RaftAppliedIndex=%d for %s", p.Name, p.RaftAppliedIndex, stalled)
	}
	if stalled > learnerMaxStall {
		_, err := m.client.MemberRemove(ctx, member.ID)
		if err == nil {
			logrus.Warnf("Removed learner %s from etcd cluster", member.Name)
		}
		return err
	}
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	_, err = m.client.Put(ctx, learnerProgressKey, string(text))
	return err
}

func (m *Member) progress(ctx context.Context) (p progress, err error) {
	kept, err := m.client.Get(ctx, learnerProgressKey)
	if err != nil || len(kept.Kvs) == 0 {
		return p, err
	}
	return p, json.Unmarshal(kept.Kvs[0].Value, &p)
}

// appliedIndex is 0 for a member that does not answer.
func (m *Member) appliedIndex(ctx context.Context, member *etcdserverpb.Member) uint64 {
	for _, each := range member.ClientURLs {
		if status, err := m.statusOf(ctx, each); err == nil {
			return status.RaftAppliedIndex
		}
	}
	return 0
}

func (m *Member) statusOf(ctx context.Context, endpoint string) (*clientv3.StatusResponse, error) {
	return m.client.Status(ctx, endpoint)
}
