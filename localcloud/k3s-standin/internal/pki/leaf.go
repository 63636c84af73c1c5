package pki

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"

	"k8s.io/client-go/util/cert"
)

// Leaf says what a certificate is for. With names or addresses it is a server's, else a client's; a member of
// etcd is both.
type Leaf struct {
	CommonName    string
	Organizations []string
	Names         []string
	Addresses     []net.IP
	Both          bool
}

func (l Leaf) usage() []x509.ExtKeyUsage {
	switch {
	case l.Both:
		return []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	case len(l.Names)+len(l.Addresses) > 0:
		return []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	return []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
}

// EnsureLeaf keeps <name>.crt and <name>.key in a folder; it signs anew when they are missing,
// say something else, come from another authority or end soon.
func (a *Authority) EnsureLeaf(dir, name string, leaf Leaf, now Clock) error {
	certFile, keyFile := filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	if a.fits(certFile, keyFile, leaf, now) {
		return nil
	}
	key, err := NewKey(keyFile)
	if err != nil {
		return err
	}
	signed, err := a.Sign(key.Public(), leaf, now)
	if err != nil {
		return fmt.Errorf("%s: %w", certFile, err)
	}
	return os.WriteFile(certFile, signed, 0o644)
}

func (a *Authority) fits(certFile, keyFile string, leaf Leaf, now Clock) bool {
	raw, err := os.ReadFile(certFile)
	if err != nil {
		return false
	}
	have, err := cert.ParseCertsPEM(raw)
	if err != nil {
		return false
	}
	key, err := readKey(keyFile)
	if err != nil || !samePublicKey(have[0].PublicKey, key) {
		return false
	}
	return have[0].CheckSignatureFrom(a.chain[0]) == nil &&
		now().Add(renewBefore).Before(have[0].NotAfter) &&
		have[0].Subject.CommonName == leaf.CommonName &&
		slices.Equal(have[0].Subject.Organization, leaf.Organizations) &&
		slices.Equal(have[0].DNSNames, leaf.Names) &&
		slices.EqualFunc(have[0].IPAddresses, leaf.Addresses, net.IP.Equal)
}

// Sign gives a certificate in PEM for a public key.
func (a *Authority) Sign(public crypto.PublicKey, leaf Leaf, now Clock) ([]byte, error) {
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	end := now().Add(leafLifetime)
	if a.chain[0].NotAfter.Before(end) {
		end = a.chain[0].NotAfter
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: leaf.CommonName, Organization: leaf.Organizations},
		NotBefore:    now().Add(-backdated), NotAfter: end,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: leaf.usage(),
		DNSNames:    leaf.Names, IPAddresses: leaf.Addresses,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.chain[0], public, a.key)
	if err != nil {
		return nil, err
	}
	return a.bundle(der), nil
}

// SignRequest signs for whoever holds the key of a request; what the request asks for is ignored.
func (a *Authority) SignRequest(requestPEM []byte, leaf Leaf, now Clock) ([]byte, error) {
	block, _ := pem.Decode(bytes.TrimSpace(requestPEM))
	if block == nil {
		return nil, errors.New("not a certificate request in PEM")
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, err
	}
	if err := request.CheckSignature(); err != nil {
		return nil, err
	}
	return a.Sign(request.PublicKey, leaf, now)
}

// NewRequest makes a key and a request for it, both in PEM.
func NewRequest() (request, key []byte, err error) {
	signer, key, err := GenerateKey()
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, signer)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: cert.CertificateRequestBlockType, Bytes: der}), key, nil
}
