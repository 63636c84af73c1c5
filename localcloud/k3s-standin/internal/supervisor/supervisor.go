// Package supervisor answers what k3s answers beside the Kubernetes API on the same port:
// /ping, /cacerts and, with a join token, /v1-k3s/.
package supervisor

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"

	"github.com/sirupsen/logrus"
	"k8s.io/apimachinery/pkg/util/validation"

	"k3s-aws/localcloud/k3s-standin/internal/nodepassword"
	"k3s-aws/localcloud/k3s-standin/internal/pki"
	"k3s-aws/localcloud/k3s-standin/internal/version"
)

// Headers with which a node names itself.
const (
	NodeNameHeader     = "k3s-Node-Name"
	NodePasswordHeader = "k3s-Node-Password"
)

const maxRequestBytes = 64 << 10

// PasswordKeeper decides whether a machine may use a node name.
type PasswordKeeper interface {
	Check(ctx context.Context, node, password string) error
}

// Supervisor needs no control plane for its first answers; Ready gives it one.
type Supervisor struct {
	CACerts      []byte
	ClientCA     *pki.Authority
	ServerSecret string
	AgentSecret  string
	PasswordFile string // named in the refusal of a node
	ClusterCIDR  string
	ServiceCIDR  string
	Now          pki.Clock

	keeper atomic.Pointer[PasswordKeeper]
}

// Ready opens /v1-k3s/ once the control plane can answer for it.
func (s *Supervisor) Ready(keeper PasswordKeeper) { s.keeper.Store(&keeper) }

// Wrap puts the supervisor's paths before the API server's handlers.
func (s *Supervisor) Wrap(api http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ping", func(w http.ResponseWriter, _ *http.Request) { answer(w, "text/plain", []byte("pong")) })
	mux.HandleFunc("GET /cacerts", func(w http.ResponseWriter, _ *http.Request) { answer(w, "text/plain", s.CACerts) })
	mux.Handle("/v1-k3s/", s.authenticated(s.joining()))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ping" || r.URL.Path == "/cacerts" || strings.HasPrefix(r.URL.Path, "/v1-k3s/") {
			mux.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	})
}

func (s *Supervisor) joining() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1-k3s/readyz", func(w http.ResponseWriter, _ *http.Request) { answer(w, "text/plain", []byte("ok")) })
	mux.HandleFunc("GET /v1-k3s/server-ca.crt", func(w http.ResponseWriter, _ *http.Request) { answer(w, "text/plain", s.CACerts) })
	mux.HandleFunc("GET /v1-k3s/client-ca.crt", func(w http.ResponseWriter, _ *http.Request) { answer(w, "text/plain", s.ClientCA.PEM) })
	mux.HandleFunc("GET /v1-k3s/config", s.config)
	mux.HandleFunc("POST /v1-k3s/client-kubelet.crt", s.kubeletCertificate)
	return mux
}

// authenticated lets the join token's holders pass, once the control plane is there.
func (s *Supervisor) authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, given := r.BasicAuth()
		switch {
		case !given || !s.knows(user, password):
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
		case s.keeper.Load() == nil:
			http.Error(w, "starting", http.StatusServiceUnavailable)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// knows accepts the server token for nodes also, as k3s does.
func (s *Supervisor) knows(user, password string) bool {
	isServer := subtle.ConstantTimeCompare([]byte(password), []byte(s.ServerSecret)) == 1
	isAgent := subtle.ConstantTimeCompare([]byte(password), []byte(s.AgentSecret)) == 1
	return (user == "server" && isServer) || (user == "node" && (isServer || isAgent))
}

func (s *Supervisor) config(w http.ResponseWriter, _ *http.Request) {
	body, err := json.Marshal(map[string]string{
		"ClusterIPRange": s.ClusterCIDR, "ServiceIPRange": s.ServiceCIDR, "Version": version.Kubernetes,
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer(w, "application/json", body)
}

// kubeletCertificate signs the request in the body for the node that the headers name.
func (s *Supervisor) kubeletCertificate(w http.ResponseWriter, r *http.Request) {
	node, password := r.Header.Get(NodeNameHeader), r.Header.Get(NodePasswordHeader)
	if len(validation.IsDNS1123Subdomain(node)) > 0 || password == "" {
		http.Error(w, "node name or node password is missing or malformed", http.StatusBadRequest)
		return
	}
	request, err := io.ReadAll(io.LimitReader(r.Body, maxRequestBytes))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if err := (*s.keeper.Load()).Check(r.Context(), node, password); err != nil {
		s.refuse(w, node, err)
		return
	}
	leaf := pki.Leaf{CommonName: "system:node:" + node, Organizations: []string{"system:nodes"}}
	signed, err := s.ClientCA.SignRequest(request, leaf, s.Now)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer(w, "application/x-pem-file", signed)
}

func (s *Supervisor) refuse(w http.ResponseWriter, node string, err error) {
	logrus.Errorf("unable to verify password for node %s: %v", node, err)
	if !errors.Is(err, nodepassword.ErrRejected) {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	http.Error(w, RejectedText(s.PasswordFile), http.StatusForbidden)
}

// RejectedText is k3s's sentence for a node name that is taken.
func RejectedText(passwordFile string) string {
	return fmt.Sprintf("Node password rejected, duplicate hostname or contents of '%s' may not match "+
		"server node-passwd entry, try enabling a unique node name with the --with-node-id flag", passwordFile)
}

func answer(w http.ResponseWriter, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	if _, err := w.Write(body); err != nil && !os.IsTimeout(err) {
		logrus.Debugf("answer not delivered: %v", err)
	}
}
