package e2e

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"testing"
	"time"

	"k3s-aws/localcloud/k3s-standin/internal/pki"
)

const person = "ada"

// signedCertificate asks the cluster for a client certificate, as somebody without one does through an
// administrator: it is signed once it is approved, by the client authority, for as long as was asked.
func signedCertificate(t *testing.T, c *cluster) {
	request, key := newRequest(t, person)
	const seconds = 900
	c.write("request.yaml", fmt.Sprintf(`
kind: CertificateSigningRequest
apiVersion: certificates.k8s.io/v1
metadata: {name: %s}
spec:
  signerName: kubernetes.io/kube-apiserver-client
  expirationSeconds: %d
  usages: [client auth]
  request: %s
`, person, seconds, base64.StdEncoding.EncodeToString(request)))
	c.kubectl("create", "-f", c.path("request.yaml"))
	equal(t, "", c.issued())
	approved := time.Now()
	c.kubectl("certificate", "approve", person)
	var encoded string
	eventually(t, "signed certificate", func() (bool, string) {
		encoded = c.issued()
		return encoded != "", encoded
	})
	signed, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(signed, key)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(c.client.PEM)
	usages := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: usages}); err != nil {
		t.Errorf("not of the client authority: %v", err)
	}
	if lasts := pair.Leaf.NotAfter.Sub(approved); lasts < (seconds-60)*time.Second || lasts > (seconds+60)*time.Second {
		t.Errorf("it lasts %s, want %d s", lasts, seconds)
	}
	c.mayRead(t, pair)
}

func (c *cluster) issued() string {
	return c.kubectl("get", "csr", person, "-o", "jsonpath={.status.certificate}")
}

// mayRead: a certificate proves who somebody is; what they may do is a matter of their roles.
func (c *cluster) mayRead(t *testing.T, pair tls.Certificate) {
	t.Helper()
	const path = "/api/v1/namespaces/demo/configmaps"
	code, _ := c.get(t, path, nil, pair)
	equal(t, http.StatusForbidden, code)
	c.kubectl("create", "rolebinding", person, "-n", "demo", "--clusterrole=view", "--user="+person)
	eventually(t, "access by a role", func() (bool, string) {
		code, body := c.get(t, path, nil, pair)
		return code == http.StatusOK, body
	})
	code, _ = c.get(t, "/api/v1/namespaces/default/configmaps", nil, pair)
	equal(t, http.StatusForbidden, code)
}

func newRequest(t *testing.T, name string) (request, key []byte) {
	t.Helper()
	signer, key, err := pki.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, signer)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), key
}
