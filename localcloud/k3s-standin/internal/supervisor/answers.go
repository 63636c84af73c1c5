package supervisor

import (
	"encoding/json"
	"net/http"
	"os"

	"github.com/sirupsen/logrus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var reasons = map[int]metav1.StatusReason{
	http.StatusBadRequest:          metav1.StatusReasonBadRequest,
	http.StatusUnauthorized:        metav1.StatusReasonUnauthorized,
	http.StatusForbidden:           metav1.StatusReasonForbidden,
	http.StatusMethodNotAllowed:    metav1.StatusReasonMethodNotAllowed,
	http.StatusInternalServerError: metav1.StatusReasonInternalError,
	http.StatusServiceUnavailable:  metav1.StatusReasonServiceUnavailable,
}

// refuse answers as the Kubernetes API does, which k3s's own clients read.
func refuse(w http.ResponseWriter, code int, message string) {
	body, err := json.Marshal(metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusFailure, Message: message, Reason: reasons[code], Code: int32(code),
	})
	if err != nil {
		logrus.Errorf("answer %d: %v", code, err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	deliver(w, body)
}

// NotReady answers for an API server that has not started.
func NotReady(w http.ResponseWriter) { refuse(w, http.StatusServiceUnavailable, "apiserver not ready") }

func answer(w http.ResponseWriter, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	deliver(w, body)
}

func deliver(w http.ResponseWriter, body []byte) {
	if _, err := w.Write(body); err != nil && !os.IsTimeout(err) {
		logrus.Debugf("answer not delivered: %v", err)
	}
}
