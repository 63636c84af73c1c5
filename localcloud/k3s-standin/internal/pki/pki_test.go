package pki

import (
	"bytes"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/util/cert"
)

func at(moment string) Clock {
	parsed, err := time.Parse(time.DateOnly, moment)
	if err != nil {
		panic(err)
	}
	return func() time.Time { return parsed }
}

var today = at("2026-11-24")

func newAuthority(t *testing.T, dir string) *Authority {
	t.Helper()
	ca, err := EnsureAuthority(dir, "server-ca", "test-ca", today)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func ensure(t *testing.T, ca *Authority, dir string, leaf Leaf, now Clock) []byte {
	t.Helper()
	if err := ca.EnsureLeaf(dir, "serving", leaf, now); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "serving.crt"))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

var serving = Leaf{CommonName: "kube-apiserver", Names: []string{"localhost"}, Addresses: []net.IP{net.IPv4(127, 0, 0, 1)}}

func TestAnAuthorityThatIsThereIsUsedUnchanged(t *testing.T) {
	dir := t.TempDir()
	first, second := newAuthority(t, dir), newAuthority(t, dir)
	if !bytes.Equal(first.PEM, second.PEM) {
		t.Error("the second start made another authority")
	}
}

func TestHalfAnAuthorityIsRefused(t *testing.T) {
	dir := t.TempDir()
	newAuthority(t, dir)
	if err := os.Remove(filepath.Join(dir, "server-ca.key")); err != nil {
		t.Fatal(err)
	}
	_, err := EnsureAuthority(dir, "server-ca", "test-ca", today)
	if err == nil || !strings.Contains(err.Error(), "only one of the two exists") {
		t.Errorf("error %v", err)
	}
}

func TestAKeyOfAnotherAuthorityIsRefused(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	newAuthority(t, dir)
	newAuthority(t, other)
	if err := os.Rename(filepath.Join(other, "server-ca.key"), filepath.Join(dir, "server-ca.key")); err != nil {
		t.Fatal(err)
	}
	_, err := EnsureAuthority(dir, "server-ca", "test-ca", today)
	if err == nil || !strings.Contains(err.Error(), "does not belong to") {
		t.Errorf("error %v", err)
	}
}

func TestALeafVerifiesAgainstItsAuthorityForItsNames(t *testing.T) {
	dir := t.TempDir()
	ca := newAuthority(t, dir)
	have, err := cert.ParseCertsPEM(ensure(t, ca, dir, serving, today))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca.PEM)
	for _, name := range []string{"localhost", "127.0.0.1"} {
		_, err := have[0].Verify(x509.VerifyOptions{DNSName: name, Roots: roots, CurrentTime: today()})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestALeafIsKeptUntilSomethingAboutItChanges(t *testing.T) {
	more := serving
	more.Names = []string{"localhost", "api.example"}
	for name, c := range map[string]struct {
		leaf Leaf
		now  Clock
		kept bool
	}{
		"nothing changed":      {serving, today, true},
		"a name was added":     {more, today, false},
		"another common name":  {Leaf{CommonName: "other", Names: serving.Names, Addresses: serving.Addresses}, today, false},
		"an address was taken": {Leaf{CommonName: serving.CommonName, Names: serving.Names}, today, false},
		"it ends in 121 days":  {serving, at("2027-07-26"), true},
		"it ends in 119 days":  {serving, at("2027-07-28"), false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			ca := newAuthority(t, dir)
			before := ensure(t, ca, dir, serving, today)
			if kept := bytes.Equal(before, ensure(t, ca, dir, c.leaf, c.now)); kept != c.kept {
				t.Errorf("kept: %t, want %t", kept, c.kept)
			}
		})
	}
}

func TestALeafOfAnotherAuthorityIsReplaced(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	before := ensure(t, newAuthority(t, dir), dir, serving, today)
	after := ensure(t, newAuthority(t, other), dir, serving, today)
	if bytes.Equal(before, after) {
		t.Error("the old certificate was kept")
	}
}

func TestARequestCannotChooseItsOwnName(t *testing.T) {
	ca := newAuthority(t, t.TempDir())
	request, _, err := NewRequest()
	if err != nil {
		t.Fatal(err)
	}
	signed, err := ca.SignRequest(request, Leaf{CommonName: "system:node:a", Organizations: []string{"system:nodes"}}, today)
	if err != nil {
		t.Fatal(err)
	}
	have, err := cert.ParseCertsPEM(signed)
	if err != nil {
		t.Fatal(err)
	}
	if subject := have[0].Subject.String(); subject != "CN=system:node:a,O=system:nodes" {
		t.Errorf("subject %q", subject)
	}
	if len(have[0].ExtKeyUsage) != 1 || have[0].ExtKeyUsage[0] != x509.ExtKeyUsageClientAuth {
		t.Errorf("usage %v", have[0].ExtKeyUsage)
	}
}

func TestAnythingButARequestIsNotSigned(t *testing.T) {
	ca := newAuthority(t, t.TempDir())
	if _, err := ca.SignRequest([]byte("hello"), Leaf{CommonName: "x"}, today); err == nil {
		t.Error("want an error")
	}
}

func TestOnlyTheSigningCertificateOfAChainIsWritten(t *testing.T) {
	dir := t.TempDir()
	ca := newAuthority(t, dir)
	other := newAuthority(t, t.TempDir())
	chain := filepath.Join(dir, "server-ca.crt")
	if err := os.WriteFile(chain, append(bytes.Clone(ca.PEM), other.PEM...), 0o600); err != nil {
		t.Fatal(err)
	}
	first := filepath.Join(dir, "first.crt")
	if err := newAuthority(t, dir).WriteFirst(first); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(first); err != nil || !bytes.Equal(ca.PEM, got) {
		t.Errorf("%v, %q", err, got)
	}
}
