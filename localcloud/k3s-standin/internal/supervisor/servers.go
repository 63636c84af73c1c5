package supervisor

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"

	"github.com/sirupsen/logrus"
)

// RotateRequest is the body of PUT /v1-k3s/token.
type RotateRequest struct {
	NewToken *string `json:"newToken,omitempty"`
}

// noEtcd is what a joining server is told by one whose datastore is SQLite.
func noEtcd(w http.ResponseWriter, r *http.Request, _ caller) {
	logrus.Warnf("Received HTTP bootstrap request from %s, but embedded etcd is not enabled.", r.RemoteAddr)
	refuse(w, http.StatusBadRequest, "etcd disabled")
}

// rotate keeps what went wrong in the log, under a number that the answer names.
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
		id := rand.IntN(100000)
		logrus.Errorf("token error ID %05d: %v", id, err)
		refuse(w, http.StatusInternalServerError, fmt.Sprintf("Internal error occurred: token error ID %05d", id))
	}
}
