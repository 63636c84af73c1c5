// Package supervisor answers what k3s answers beside the Kubernetes API on the same port:
// /ping, /cacerts and, for who may, /v1-k3s/.
package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/sirupsen/logrus"
	"k8s.io/apimachinery/pkg/util/validation"

	"k3s-aws/localcloud/k3s-standin/internal/nodepassword"
	"k3s-aws/localcloud/k3s-standin/internal/pki"
)

// Headers with which a node names itself.
const (
	NodeNameHeader     = "k3s-Node-Name"
	NodePasswordHeader = "k3s-Node-Password"
)

const (
	prefix          = "/v1-k3s/"
	datastorePrefix = "/db/"
	maxRequestBytes = 64 << 10
)

// NodeKeeper knows which node names are taken, and by whom.
type NodeKeeper interface {
	// Check decides whether a machine with this node password may use the name.
	Check(ctx context.Context, node, password string) error
	// Registered is an error unless there is a Node of that name.
	Registered(ctx context.Context, node string) error
}

// Etcd is what further servers ask one that has embedded etcd.
type Etcd interface {
	// MemberList gives etcd's members in JSON.
	MemberList(ctx context.Context) ([]byte, error)
	// Bootstrap gives the authorities and passwords of the cluster in JSON, for the server's password.
	Bootstrap(ctx context.Context, password string) ([]byte, error)
	Snapshots
}

// Supervisor needs no control plane for its first answers; Ready gives it one.
type Supervisor struct {
	CACerts  []byte
	ClientCA *pki.Authority
	// The passwords that count are those of the start: k3s reads its passwd file once.
	ServerSecret string
	AgentSecret  string
	PasswordFile string // named in the refusal of a node
	Agents       Configuration
	Now          pki.Clock
	// Rotate gives the server another token; an empty one means any.
	Rotate func(ctx context.Context, newToken string) error
	// Servers are where the API servers of the cluster are, each as host and port.
	Servers func(ctx context.Context) []string
	// Etcd is nil on SQLite.
	Etcd Etcd

	keeper atomic.Pointer[NodeKeeper]
}

// Ready opens what a joining node asks for, once the control plane can answer for it.
func (s *Supervisor) Ready(keeper NodeKeeper) { s.keeper.Store(&keeper) }

// Wrap puts the supervisor's paths before the API server's handlers.
func (s *Supervisor) Wrap(api http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/ping", func(w http.ResponseWriter, _ *http.Request) { answer(w, "text/plain", []byte("pong")) })
	mux.HandleFunc("/cacerts", func(w http.ResponseWriter, _ *http.Request) { answer(w, "text/plain", s.CACerts) })
	for path, handle := range map[string]handler{
		"readyz":             text([]byte("ok")),
		"server-ca.crt":      text(s.CACerts),
		"client-ca.crt":      text(s.ClientCA.PEM),
		"client-kubelet.crt": s.kubeletCertificate,
	} {
		mux.Handle(prefix+path, s.allow(s.whenReady(handle), agent, node))
	}
	mux.Handle(prefix+"apiservers", s.allow(s.apiServers, agent, node))
	mux.Handle(prefix+"config", s.allow(s.config, agent, node))
	mux.Handle(prefix+"server-bootstrap", s.allow(s.bootstrap, server))
	mux.HandleFunc(datastorePrefix, s.datastore)
	mux.Handle(prefix+"token", s.allow(s.rotate, server))
	mux.Handle(prefix, api)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ping" || r.URL.Path == "/cacerts" || strings.HasPrefix(r.URL.Path, prefix) ||
			strings.HasPrefix(r.URL.Path, datastorePrefix) {
			mux.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	})
}

type handler func(http.ResponseWriter, *http.Request, caller)

// allow lets callers of some roles pass.
func (s *Supervisor) allow(next handler, roles ...role) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, proved := s.identify(r)
		switch {
		case !proved:
			refuse(w, http.StatusUnauthorized, "not authorized")
		case !slices.Contains(roles, who.role):
			refuse(w, http.StatusForbidden, "forbidden")
		default:
			next(w, r, who)
		}
	})
}

func (s *Supervisor) whenReady(next handler) handler {
	return func(w http.ResponseWriter, r *http.Request, who caller) {
		if s.keeper.Load() == nil {
			refuse(w, http.StatusServiceUnavailable, "runtime core not ready")
			return
		}
		next(w, r, who)
	}
}

func text(body []byte) handler {
	return func(w http.ResponseWriter, _ *http.Request, _ caller) { answer(w, "text/plain", body) }
}

func (s *Supervisor) config(w http.ResponseWriter, _ *http.Request, _ caller) {
	body, err := json.Marshal(s.Agents)
	if err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	answer(w, "application/json", body)
}

// kubeletCertificate signs the request in the body for the node that the headers name.
func (s *Supervisor) kubeletCertificate(w http.ResponseWriter, r *http.Request, who caller) {
	name, password := r.Header.Get(NodeNameHeader), r.Header.Get(NodePasswordHeader)
	if len(validation.IsDNS1123Subdomain(name)) > 0 || password == "" {
		refuse(w, http.StatusBadRequest, "node name or node password is missing or malformed")
		return
	}
	request, err := io.ReadAll(io.LimitReader(r.Body, maxRequestBytes))
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	if code, err := s.admit(r.Context(), who, name, password); err != nil {
		logrus.Errorf("unable to admit node %s: %v", name, err)
		refuse(w, code, err.Error())
		return
	}
	leaf := pki.Leaf{CommonName: nodePrefix + name, Organizations: []string{nodesGroup}}
	signed, err := s.ClientCA.SignRequest(request, leaf, s.Now)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	answer(w, "application/x-pem-file", signed)
}

// admit decides whether a caller may be this node. A certificate counts while its Node exists.
func (s *Supervisor) admit(ctx context.Context, who caller, name, password string) (int, error) {
	keeper := *s.keeper.Load()
	if who.role == node {
		if who.node != name {
			return http.StatusBadRequest, errors.New("header node name does not match auth node name")
		}
		if err := keeper.Registered(ctx, name); err != nil {
			return http.StatusUnauthorized, fmt.Errorf("unable to verify node identity: %w", err)
		}
	}
	err := keeper.Check(ctx, name, password)
	if errors.Is(err, nodepassword.ErrRejected) {
		return http.StatusForbidden, errors.New(RejectedText(s.PasswordFile))
	}
	return http.StatusInternalServerError, err
}

// RejectedText is k3s's sentence for a node name that is taken.
func RejectedText(passwordFile string) string {
	return fmt.Sprintf("Node password rejected, duplicate hostname or contents of '%s' may not match "+
		"server node-passwd entry, try enabling a unique node name with the --with-node-id flag", passwordFile)
}
