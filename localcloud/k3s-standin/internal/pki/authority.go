// Package pki owns the cluster's authorities and the certificates they sign, as files.
package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

const (
	authorityYears = 10
	leafLifetime   = 365 * 24 * time.Hour
	renewBefore    = 120 * 24 * time.Hour
	// backdated certificates survive a machine whose clock is a little behind.
	backdated = time.Hour
)

// Authority is a certificate authority that can sign.
type Authority struct {
	CertFile string
	PEM      []byte // the file as it is: the join token's hash is over these bytes
	chain    []*x509.Certificate
	key      crypto.Signer
}

// Clock tells the time.
type Clock func() time.Time

// EnsureAuthority reads <name>.crt and <name>.key from a folder, or makes them when neither exists.
func EnsureAuthority(dir, name, commonName string, now Clock) (*Authority, error) {
	certFile, keyFile := filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	hasCert, err := exists(certFile)
	if err != nil {
		return nil, err
	}
	hasKey, err := exists(keyFile)
	if err != nil {
		return nil, err
	}
	switch {
	case hasCert != hasKey:
		return nil, fmt.Errorf("%s and %s: only one of the two exists; place both or neither", certFile, keyFile)
	case !hasCert:
		if err := makeAuthority(certFile, keyFile, commonName, now); err != nil {
			return nil, err
		}
	}
	return loadAuthority(certFile, keyFile)
}

func exists(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func loadAuthority(certFile, keyFile string) (*Authority, error) {
	raw, err := os.ReadFile(certFile)
	if err != nil {
		return nil, err
	}
	chain, err := cert.ParseCertsPEM(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", certFile, err)
	}
	key, err := readKey(keyFile)
	if err != nil {
		return nil, err
	}
	if !chain[0].IsCA {
		return nil, fmt.Errorf("%s: its first certificate is not an authority's", certFile)
	}
	if !samePublicKey(chain[0].PublicKey, key) {
		return nil, fmt.Errorf("%s does not belong to %s", keyFile, certFile)
	}
	return &Authority{CertFile: certFile, PEM: raw, chain: chain, key: key}, nil
}

func readKey(file string) (crypto.Signer, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	parsed, err := keyutil.ParsePrivateKeyPEM(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	key, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%s: not a key that can sign", file)
	}
	return key, nil
}

func samePublicKey(public any, key crypto.Signer) bool {
	comparable, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && comparable.Equal(public)
}

func makeAuthority(certFile, keyFile, commonName string, now Clock) error {
	key, err := NewKey(keyFile)
	if err != nil {
		return err
	}
	serial, err := newSerial()
	if err != nil {
		return err
	}
	at := now()
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: fmt.Sprintf("%s@%d", commonName, at.Unix())},
		NotBefore:    at.Add(-backdated), NotAfter: at.AddDate(authorityYears, 0, 0),
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	return os.WriteFile(certFile, encodeCertificates(der), 0o644)
}

// NewKey makes a P-256 key and writes it to a file.
func NewKey(file string) (crypto.Signer, error) {
	key, encoded, err := GenerateKey()
	if err != nil {
		return nil, err
	}
	return key, os.WriteFile(file, encoded, 0o600)
}

// GenerateKey makes a P-256 key, also in PEM.
func GenerateKey() (crypto.Signer, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: keyutil.ECPrivateKeyBlockType, Bytes: der}), nil
}

// EnsureKey makes a key file unless it exists.
func EnsureKey(file string) error {
	if has, err := exists(file); err != nil || has {
		return err
	}
	_, err := NewKey(file)
	return err
}

// WriteFirst writes the certificate that signs, without those it was signed by itself.
func (a *Authority) WriteFirst(file string) error {
	return os.WriteFile(file, encodeCertificates(a.chain[0].Raw), 0o644)
}

// bundle is a signed certificate followed by the authority's intermediates; a root is left out.
func (a *Authority) bundle(der []byte) []byte {
	all := encodeCertificates(der)
	for _, c := range a.chain {
		if !bytes.Equal(c.RawIssuer, c.RawSubject) {
			all = append(all, encodeCertificates(c.Raw)...)
		}
	}
	return all
}

func encodeCertificates(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: cert.CertificateBlockType, Bytes: der})
}

func newSerial() (*big.Int, error) {
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
}
