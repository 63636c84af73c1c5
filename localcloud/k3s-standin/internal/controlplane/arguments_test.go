package controlplane

import (
	"slices"
	"testing"
)

func TestAnonymousRequestsAreRefusedUnlessAFileDecides(t *testing.T) {
	api := APIServer{AdvertiseAddress: "10.0.0.1"}
	if !slices.Contains(api.arguments(), "--anonymous-auth=false") {
		t.Error("anonymous requests are allowed")
	}
	api.ExtraArgs = []string{"authentication-config=/etc/file"}
	if slices.Contains(api.arguments(), "--anonymous-auth=false") {
		t.Error("the file does not decide")
	}
}

func TestPrivilegedPodsAreLeftToPodSecurity(t *testing.T) {
	if !slices.Contains(APIServer{}.arguments(), "--allow-privileged=true") {
		t.Error("the API server refuses privileged pods in every namespace")
	}
}

func TestNodesAndRolesAreAuthorizedUnlessAFileDecides(t *testing.T) {
	api := APIServer{AdvertiseAddress: "10.0.0.1"}
	const ours = "--authorization-mode=Node,RBAC"
	if !slices.Contains(api.arguments(), ours) {
		t.Error("the mode is not set")
	}
	api.ExtraArgs = []string{"authorization-config=/etc/file"}
	if slices.Contains(api.arguments(), ours) {
		t.Error("the mode is set beside the file")
	}
}

func TestALoopbackAddressIsNoEndpointOfTheService(t *testing.T) {
	const none = "--endpoint-reconciler-type=none"
	for address, want := range map[string]bool{"127.0.0.1": true, "10.64.0.10": false} {
		api := APIServer{AdvertiseAddress: address}
		if got := slices.Contains(api.arguments(), none); got != want {
			t.Errorf("%s: %t, want %t", address, got, want)
		}
	}
}
