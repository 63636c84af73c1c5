package supervisor

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
)

type several struct{}

func (several) MemberList(context.Context) ([]byte, error) { return []byte(`{"members":[]}`), nil }

func (several) Bootstrap(_ context.Context, password string) ([]byte, error) {
	return []byte("for " + password), nil
}

func (several) Snapshot(_ context.Context, request SnapshotRequest) (any, error) {
	if request.Operation == "save" {
		return SnapshotResult{Created: []string{"one"}}, nil
	}
	return nil, errors.Join(ErrSnapshotOperation)
}

func TestAJoiningServerIsToldTheAuthoritiesAndTheMembers(t *testing.T) {
	s := newSupervisor(t)
	s.Etcd = several{}
	wants(t, s, get("/v1-k3s/server-bootstrap", "server", "server-secret"), 200, "for server-secret")
	wants(t, s, get("/v1-k3s/server-bootstrap", "node", "agent-secret"), 403, "forbidden")
	wants(t, s, get("/db/info", "server", "server-secret"), 200, `{"members":[]}`)
	wants(t, s, get("/db/info", "node", "agent-secret"), 403, "forbidden")
	wants(t, s, get("/db/info", "", ""), 403, "forbidden")
	here := get("/db/info", "", "")
	here.RemoteAddr = "127.0.0.1:1"
	wants(t, s, here, 200, `{"members":[]}`)
}

func TestSnapshotsAreTheServersAlone(t *testing.T) {
	s := newSupervisor(t)
	s.Etcd = several{}
	post := func(user, password, body string) *http.Request {
		r := httptest.NewRequest(http.MethodPost, "/db/snapshot", strings.NewReader(body))
		r.SetBasicAuth(user, password)
		return r
	}
	wants(t, s, post("server", "server-secret", `{"operation":"save"}`), 200, `{"created":["one"]}`)
	wants(t, s, post("node", "agent-secret", `{"operation":"save"}`), 403, "forbidden")
	if code, _ := ask(s, post("server", "server-secret", `{"operation":"eat"}`)); code != 400 {
		t.Errorf("code %d", code)
	}
	s.Etcd = nil
	wants(t, s, post("server", "server-secret", `{"operation":"save"}`), 400, "etcd datastore disabled")
}

func TestAgentsAreToldTheServers(t *testing.T) {
	s := newSupervisor(t)
	s.Servers = func(context.Context) []string { return []string{"10.0.0.1:6443"} }
	wants(t, s, get("/v1-k3s/apiservers", "node", "agent-secret"), 200, `["10.0.0.1:6443"]`)
	wants(t, s, get("/v1-k3s/apiservers", "", ""), 403, "forbidden")
	s.Servers = func(context.Context) []string { return nil }
	wants(t, s, get("/v1-k3s/apiservers", "node", "agent-secret"), 200, `[]`)
}

func TestSettingsThatDifferAreNamed(t *testing.T) {
	_, network, _ := net.ParseCIDR("10.42.0.0/16")
	mine := Configuration{ClusterIPRange: network, FlannelBackend: "vxlan", EgressSelectorMode: "agent", EncryptProvider: "aescbc"}
	theirs := mine
	theirs.EgressSelectorMode, theirs.EncryptProvider = "", "" // of an older version
	if got, err := mine.Differences(theirs); err != nil || got != nil {
		t.Errorf("%v, %v", err, got)
	}
	theirs.FlannelBackend, theirs.EncryptSecrets = "host-gw", true
	want := []string{"secrets-encryption", "flannel-backend"}
	if got, err := mine.Differences(theirs); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", err, got)
	}
}
