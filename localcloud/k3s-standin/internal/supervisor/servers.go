package supervisor

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
)

const serversTimeout = 5 * time.Second

// RotateRequest is the body of PUT /v1-k3s/token.
type RotateRequest struct {
	NewToken *string `json:"newToken,omitempty"`
}

// bootstrap tells a joining server what it may not make itself.
func (s *Supervisor) bootstrap(w http.ResponseWriter, r *http.Request, _ caller) {
	if s.Etcd == nil {
		logrus.Warnf("Received HTTP bootstrap request from %s, but embedded etcd is not enabled.", r.RemoteAddr)
		refuse(w, http.StatusBadRequest, "etcd disabled")
		return
	}
	_, password, _ := r.BasicAuth()
	body, err := s.Etcd.Bootstrap(r.Context(), password)
	if err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	answer(w, "application/json", body)
}

// apiServers tells a node to which servers it may connect.
func (s *Supervisor) apiServers(w http.ResponseWriter, r *http.Request, _ caller) {
	ctx, cancel := context.WithTimeout(r.Context(), serversTimeout)
	defer cancel()
	servers := s.Servers(ctx)
	if servers == nil {
		servers = []string{}
	}
	body, err := json.Marshal(servers)
	if err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	answer(w, "application/json", body)
}

// datastore answers what is asked of embedded etcd.
func (s *Supervisor) datastore(w http.ResponseWriter, r *http.Request) {
	if s.Etcd == nil {
		refuse(w, http.StatusBadRequest, "etcd datastore disabled")
		return
	}
	switch strings.TrimSuffix(r.URL.Path, "/") {
	case datastorePrefix + "info":
		if local(r) {
			s.members(w, r, caller{})
			return
		}
		s.allow(s.members, server).ServeHTTP(w, r)
	case datastorePrefix + "snapshot":
		s.allow(s.snapshot, server).ServeHTTP(w, r)
	default:
		refuse(w, http.StatusNotFound, "not found")
	}
}

// local is a request of this machine, which may see the members without credentials.
func local(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	return err == nil && (host == "127.0.0.1" || host == "::1")
}

func (s *Supervisor) members(w http.ResponseWriter, r *http.Request, _ caller) {
	if r.Method != http.MethodGet {
		refuse(w, http.StatusMethodNotAllowed, "method not allowed")
		return
	}
	body, err := s.Etcd.MemberList(r.Context())
	if err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	answer(w, "application/json", body)
}

// rotate gives the server another token.
func (s *Supervisor) rotate(w http.ResponseWriter, r *http.Request, _ caller) {
	if r.Method != http.MethodPut {
		refuse(w, http.StatusMethodNotAllowed, "method not allowed")
		return
	}
	var asked RotateRequest
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequestBytes))
	if err == nil {
		err = json.Unmarshal(body, &asked)
	}
	if err != nil || asked.NewToken == nil {
		refuse(w, http.StatusBadRequest, "the body must be JSON with a newToken")
		return
	}
	if err := s.Rotate(r.Context(), *asked.NewToken); err != nil {
		failWithID(w, http.StatusInternalServerError, "token", err)
	}
}
