package server

import (
	"crypto/sha256"
	"encoding/hex"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"

	"k3s-aws/localcloud/k3s-standin/internal/config"
	"k3s-aws/localcloud/k3s-standin/internal/pki"
)

func settings(dir string) *config.Server {
	service := &net.IPNet{IP: net.IPv4(10, 43, 0, 0), Mask: net.CIDRMask(16, 32)}
	return &config.Server{
		Node:             config.Node{Name: "demo-servers-1a2b3c4d", IPs: []net.IP{net.IPv4(10, 64, 0, 10)}, DataDir: filepath.Join(dir, "data")},
		AdvertiseAddress: "10.64.0.10", BindAddress: "0.0.0.0", Port: 6443,
		Kubeconfig: filepath.Join(dir, "k3s.yaml"), KubeconfigMode: "0600",
		ServiceCIDRs: []*net.IPNet{service}, ClusterDomain: "cluster.local",
	}
}

func mustPrepare(t *testing.T, c *config.Server) *files {
	t.Helper()
	f, err := newFiles(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.prepare(c, time.Now); err != nil {
		t.Fatal(err)
	}
	return f
}

func content(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestTheServingCertificateNamesEveryWayToTheServer(t *testing.T) {
	c := settings(t.TempDir())
	c.ExternalIPs = []string{"127.44.1.2"}
	c.TLSNames = []string{"api.example", "203.0.113.9", "localhost"}
	leaf, err := servingLeaf(c)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"api.example", "demo-servers-1a2b3c4d", "kubernetes", "kubernetes.default",
		"kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "localhost"}
	if !slices.Equal(names, leaf.Names) {
		t.Errorf("names %v", leaf.Names)
	}
	var addresses []string
	for _, ip := range leaf.Addresses {
		addresses = append(addresses, ip.String())
	}
	if want := "127.0.0.1 ::1 10.64.0.10 127.44.1.2 203.0.113.9 10.43.0.1"; strings.Join(addresses, " ") != want {
		t.Errorf("addresses %v, want %s", addresses, want)
	}
}

func TestAuthoritiesPlacedBeforeTheStartAreUsed(t *testing.T) {
	c := settings(t.TempDir())
	tls := filepath.Join(c.DataDir, "server", "tls")
	if err := os.MkdirAll(tls, 0o700); err != nil {
		t.Fatal(err)
	}
	placed, err := pki.EnsureAuthority(tls, "server-ca", "ours", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	c.Token = "secret"
	mustPrepare(t, c)
	digest := sha256.Sum256(placed.PEM)
	want := "K10" + hex.EncodeToString(digest[:]) + "::server:secret\n"
	if got := content(t, filepath.Join(c.DataDir, "server", "token")); got != want {
		t.Errorf("token %q, want %q", got, want)
	}
}

func TestTheTokenFilesFollowTheConfiguration(t *testing.T) {
	c := settings(t.TempDir())
	f := mustPrepare(t, c)
	made := content(t, f.path("token"))
	for _, link := range []string{"node-token", "agent-token"} {
		if got := content(t, f.path(link)); got != made {
			t.Errorf("%s differs from token", link)
		}
	}
	c.AgentToken = "agents"
	f = mustPrepare(t, c)
	if got := content(t, f.path("token")); got != made {
		t.Error("the token changed at the next start")
	}
	if got := content(t, f.path("agent-token")); !strings.HasSuffix(got, "::node:agents\n") {
		t.Error("the agent token is not the configured one")
	}
	info, err := os.Stat(f.path("agent-token"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestTheKubeconfigReachesThisMachine(t *testing.T) {
	c := settings(t.TempDir())
	f := mustPrepare(t, c)
	info, err := os.Stat(c.Kubeconfig)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	loaded, err := clientcmd.LoadFromFile(c.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	cluster := loaded.Clusters["default"]
	if loaded.CurrentContext != "default" || cluster.Server != "https://127.0.0.1:6443" {
		t.Errorf("context %q, server %q", loaded.CurrentContext, cluster.Server)
	}
	if string(cluster.CertificateAuthorityData) != string(f.serverCA.PEM) {
		t.Error("the authority is not embedded")
	}
	if len(loaded.AuthInfos["default"].ClientKeyData) == 0 {
		t.Error("the key is not embedded")
	}
}

func TestABoundAddressIsWhereTheServerIsReached(t *testing.T) {
	c := settings(t.TempDir())
	c.BindAddress = "10.64.0.10"
	if got := localURL(c); got != "https://10.64.0.10:6443" {
		t.Errorf("got %s", got)
	}
}

func TestANewNameMeansANewServingCertificate(t *testing.T) {
	c := settings(t.TempDir())
	first := content(t, mustPrepare(t, c).tls.Path("serving-kube-apiserver.crt"))
	if content(t, mustPrepare(t, c).tls.Path("serving-kube-apiserver.crt")) != first {
		t.Error("the certificate changed without a reason")
	}
	c.TLSNames = []string{"new.example"}
	if content(t, mustPrepare(t, c).tls.Path("serving-kube-apiserver.crt")) == first {
		t.Error("the certificate does not have the new name")
	}
}

func TestAKubeconfigModeIsOctalAndAnInvalidOneLeavesTheFilePrivate(t *testing.T) {
	for given, want := range map[string]os.FileMode{"0644": 0o644, "420": 0o420, "": 0o600, "rw": 0o600, "0649": 0o600} {
		c := settings(t.TempDir())
		c.KubeconfigMode = given
		mustPrepare(t, c)
		if info, err := os.Stat(c.Kubeconfig); err != nil || info.Mode().Perm() != want {
			t.Errorf("%q: %v, %v", given, info.Mode(), err)
		}
	}
}
