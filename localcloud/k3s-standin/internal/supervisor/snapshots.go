package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/sirupsen/logrus"
)

// SnapshotRequest is the body of POST /db/snapshot. What is nil is as the server's configuration has it.
type SnapshotRequest struct {
	Operation string          `json:"operation"` // save, list, prune or delete
	Name      []string        `json:"name,omitempty"`
	Dir       *string         `json:"dir,omitempty"`
	Compress  *bool           `json:"compress,omitempty"`
	Retention *int            `json:"retention,omitempty"`
	S3        json.RawMessage `json:"s3,omitempty"`
}

// SnapshotResult answers all operations but list.
type SnapshotResult struct {
	Created []string `json:"created,omitempty"`
	Deleted []string `json:"deleted,omitempty"`
}

// SnapshotList answers list: some of the fields of k3s's ETCDSnapshotFileList.
type SnapshotList struct {
	APIVersion string         `json:"apiVersion"`
	Kind       string         `json:"kind"`
	Metadata   struct{}       `json:"metadata"`
	Items      []SnapshotFile `json:"items"`
}

// SnapshotFile is one snapshot.
type SnapshotFile struct {
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		SnapshotName string `json:"snapshotName"`
		NodeName     string `json:"nodeName"`
		Location     string `json:"location"`
	} `json:"spec"`
	Status struct {
		Size         string    `json:"size"`
		CreationTime time.Time `json:"creationTime"`
		ReadyToUse   bool      `json:"readyToUse"`
	} `json:"status"`
}

// Snapshots does what a request asks for; its answer is a SnapshotResult or a SnapshotList.
type Snapshots interface {
	Snapshot(ctx context.Context, request SnapshotRequest) (any, error)
}

// ErrSnapshotOperation is for a request that asks for none of the operations.
var ErrSnapshotOperation = errors.New("invalid snapshot operation")

func (s *Supervisor) snapshot(w http.ResponseWriter, r *http.Request, _ caller) {
	var asked SnapshotRequest
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequestBytes))
	if err == nil {
		err = json.Unmarshal(body, &asked)
	}
	var done any
	if err == nil {
		done, err = s.Etcd.Snapshot(r.Context(), asked)
	}
	if err == nil {
		body, err = json.Marshal(done)
	}
	switch {
	case errors.Is(err, ErrSnapshotOperation):
		failWithID(w, http.StatusBadRequest, "etcd-snapshot", err)
	case err != nil:
		failWithID(w, http.StatusInternalServerError, "etcd-snapshot", err)
	default:
		answer(w, "application/json", body)
	}
}

// failWithID keeps what went wrong in the log, under a number that the answer names.
func failWithID(w http.ResponseWriter, code int, component string, err error) {
	id := rand.IntN(100000)
	logrus.Errorf("%s error ID %05d: %v", component, id, err)
	refuse(w, code, fmt.Sprintf("Internal error occurred: %s error ID %05d", component, id))
}
