package etcd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	neturl "net/url"
	"os"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

const (
	joinEvery   = time.Second
	joinTimeout = 20 * time.Second
)

// Members is the answer of a server that is asked who its members are.
type Members struct {
	Members []*etcdserverpb.Member `json:"members"`
}

// Server is one of the cluster's that is joined.
type Server interface {
	// Host is its address in the URL that was given.
	Host() string
	// MemberList asks it for its Members, in JSON.
	MemberList(ctx context.Context) ([]byte, error)
}

var (
	errMemberList = errors.New("failed to get MemberList from server")
	errTimeout    = errors.New("MemberAdd request timed out")
)

// Join adds this member to the cluster and starts it. It waits for other learners and for servers that do not
// answer yet.
func (m *Member) Join(ctx context.Context, server Server) (*Running, error) {
	for {
		running, err := m.join(ctx, server)
		switch {
		case err == nil:
			return running, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, rpctypes.ErrTooManyLearners) || errors.Is(err, rpctypes.ErrUnhealthy):
			logrus.Infof("Waiting for other members to finish joining etcd cluster: %v", err)
		case errors.Is(err, errMemberList):
			logrus.Infof("Waiting to retrieve etcd cluster member list: %v", err)
		case errors.Is(err, errTimeout):
			logrus.Infof("Retrying etcd cluster join: %v", err)
		default:
			return nil, fmt.Errorf("etcd cluster join failed: %w", err)
		}
		if err := pause(ctx, joinEvery); err != nil {
			return nil, err
		}
	}
}

func (m *Member) join(ctx context.Context, server Server) (*Running, error) {
	limited, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	raw, err := server.MemberList(limited)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMemberList, err)
	}
	var list Members
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, err
	}
	cluster, known, err := m.compare(list.Members)
	if err != nil {
		return nil, err
	}
	first := initial{state: "existing"}
	switch {
	case !known:
		logrus.Infof("Adding member %s=%s to etcd cluster %v", m.name, m.peerURL(), cluster)
		if err := m.add(limited, m.clientURLs(list.Members, server.Host())); err != nil {
			return nil, err
		}
		cluster = append(cluster, m.name+"="+m.peerURL())
	case len(cluster) > 1:
		logrus.Infof("Starting etcd to join cluster with members %v", cluster)
	default:
		first.state = "new"
	}
	first.cluster = strings.Join(cluster, ",")
	return m.run(ctx, first, false)
}

// compare gives the members in etcd's form, and whether this one is among them. A member that has not started
// has no name yet. Another member of a node with this name is refused.
func (m *Member) compare(members []*etcdserverpb.Member) (cluster []string, known bool, err error) {
	for _, member := range members {
		for _, peer := range member.PeerURLs {
			u, err := neturl.Parse(peer)
			if err != nil {
				return nil, false, err
			}
			if member.Name == "" && u.Hostname() == m.Address {
				member.Name = m.name
			}
			known = known || member.Name == m.name && u.Hostname() == m.Address
			cluster = append(cluster, member.Name+"="+member.PeerURLs[0])
		}
		if member.Name != m.name && nodeOf(member.Name) == m.NodeName {
			// The next start makes another name, when the node's was corrected.
			if err := os.Remove(m.path("name")); err != nil {
				logrus.Errorf("Failed to remove etcd name file %s: %v", m.path("name"), err)
			}
			return nil, false, errors.New("duplicate node name found, please use a unique name for this node")
		}
	}
	return cluster, known, nil
}

// clientURLs are those of the voting members, first that of the server that is joined.
func (m *Member) clientURLs(members []*etcdserverpb.Member, preferred string) []string {
	var all []string
	for _, member := range members {
		var self, first bool
		for _, each := range member.ClientURLs {
			u, err := neturl.Parse(each)
			self = self || err == nil && u.Hostname() == m.Address
			first = first || err == nil && u.Hostname() == preferred
		}
		switch {
		case member.IsLearner || self:
		case first:
			all = append(append([]string{}, member.ClientURLs...), all...)
		default:
			all = append(all, member.ClientURLs...)
		}
	}
	return all
}

func (m *Member) add(ctx context.Context, endpoints []string) error {
	if len(endpoints) == 0 {
		return fmt.Errorf("%w: it has no voting member", errMemberList)
	}
	client, err := m.connect(endpoints[0])
	if err != nil {
		return err
	}
	defer client.Close()
	_, err = client.MemberAddAsLearner(ctx, []string{m.peerURL()})
	if errors.Is(err, context.DeadlineExceeded) {
		return errTimeout
	}
	return err
}
