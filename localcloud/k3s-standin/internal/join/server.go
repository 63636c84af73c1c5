package join

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	"k3s-aws/localcloud/k3s-standin/internal/supervisor"
	"k3s-aws/localcloud/k3s-standin/internal/token"
)

const snapshotTimeout = 2 * time.Minute

// Server is one of the cluster's servers, for another that joins it.
type Server struct{ cluster *Cluster }

// NewServer compares the token's hash with the authority of the server; where that is on disk already, the server
// is not asked for it.
func NewServer(ctx context.Context, at, secret, authorityFile string) (*Server, error) {
	cluster, err := known(at, secret, authorityFile)
	if err == nil && cluster == nil {
		cluster, err = validate(ctx, at, secret, nil)
	}
	if err != nil {
		return nil, err
	}
	cluster.user = "server"
	return &Server{cluster: cluster}, nil
}

// known is nil when there is no authority on disk, or another than the token's.
func known(at, secret, authorityFile string) (*Cluster, error) {
	ca, err := os.ReadFile(authorityFile)
	if err != nil {
		return nil, nil //nolint:nilerr // it is asked for then
	}
	t, err := token.Parse(secret)
	if err != nil {
		return nil, err
	}
	hash, err := token.HashCA(ca)
	if err != nil || t.CAHash != "" && t.CAHash != hash {
		return nil, nil //nolint:nilerr // the same
	}
	if err := checkScheme(at); err != nil {
		return nil, err
	}
	return &Cluster{URL: at, CACerts: ca, token: t, roots: pool(ca)}, nil
}

// Host is its address in the URL that was given.
func (s *Server) Host() string {
	u, err := url.Parse(s.cluster.URL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// Bootstrap asks for the authorities and passwords of the cluster.
func (s *Server) Bootstrap(ctx context.Context) ([]byte, error) {
	return s.get(ctx, "/v1-k3s/server-bootstrap")
}

// MemberList asks for the members of etcd.
func (s *Server) MemberList(ctx context.Context) ([]byte, error) { return s.get(ctx, "/db/info") }

// Configuration asks as an agent, with that password, what must be equal on all servers.
func (s *Server) Configuration(ctx context.Context, password string) (c supervisor.Configuration, err error) {
	asAgent := *s.cluster
	asAgent.user, asAgent.token.Password = "node", password
	err = asAgent.configuration(ctx, nil)
	return asAgent.Configuration, err
}

func (s *Server) get(ctx context.Context, path string) ([]byte, error) {
	status, body, err := s.cluster.ask(ctx, nil, http.MethodGet, path, nil, nil)
	if err := s.cluster.told(status, body, err); err != nil {
		return nil, err
	}
	if !json.Valid(body) {
		return nil, errNotJSON
	}
	return body, nil
}

// Snapshots asks a server to do something with its snapshots.
func Snapshots(ctx context.Context, at, secret string, request supervisor.SnapshotRequest) ([]byte, error) {
	cluster, err := validate(ctx, at, secret, nil)
	if err != nil {
		return nil, err
	}
	cluster.user, cluster.timeout = "server", snapshotTimeout
	body, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	status, answer, err := cluster.ask(ctx, nil, http.MethodPost, "/db/snapshot", nil, body)
	if err := cluster.told(status, answer, err); err != nil {
		return nil, fmt.Errorf("see server log for details: %w", err)
	}
	return answer, nil
}
