package controlplane

import (
	"net"
	"slices"
	"testing"
)

func TestAnOperatorsArgumentReplacesOurs(t *testing.T) {
	ours := []string{"--a=1", "--b=2", "--c=3"}
	want := []string{"--a=1", "--c=3", "--b=20", "--d=4", "--e"}
	if got := override(ours, []string{"b=20", "--d=4", "e"}); !slices.Equal(want, got) {
		t.Errorf("want %v, got %v", want, got)
	}
	if !slices.Equal([]string{"--a=1", "--b=2", "--c=3"}, ours) {
		t.Error("our own arguments were changed")
	}
}

func TestAnonymousRequestsAreRefusedUnlessAFileDecides(t *testing.T) {
	api := APIServer{AdvertiseAddress: net.IPv4(10, 0, 0, 1)}
	if !slices.Contains(api.arguments(), "--anonymous-auth=false") {
		t.Error("anonymous requests are allowed")
	}
	api.ExtraArgs = []string{"authentication-config=/etc/file"}
	if slices.Contains(api.arguments(), "--anonymous-auth=false") {
		t.Error("the file does not decide")
	}
}

func TestALoopbackAddressIsNoEndpointOfTheService(t *testing.T) {
	const none = "--endpoint-reconciler-type=none"
	for address, want := range map[string]bool{"127.0.0.1": true, "10.64.0.10": false} {
		api := APIServer{AdvertiseAddress: net.ParseIP(address)}
		if got := slices.Contains(api.arguments(), none); got != want {
			t.Errorf("%s: %t, want %t", address, got, want)
		}
	}
}
