package supervisor

import (
	"crypto/subtle"
	"crypto/x509"
	"net/http"
	"slices"
	"strings"
)

// role is what a caller proved to be. k3s calls them k3s:server, k3s:agent and system:nodes.
type role int

const (
	nobody role = iota
	server      // holds the server's password
	agent       // holds the agents' password
	node        // has a certificate of the client authority for a node's name
)

const (
	nodePrefix = "system:node:"
	nodesGroup = "system:nodes"
)

type caller struct {
	role role
	node string // the name in a node's certificate
}

// identify tries the password first and then the certificate, so that a joined node is known although
// its token was changed since. It is false for somebody whose proof is wrong; who brought none is nobody.
func (s *Supervisor) identify(r *http.Request) (caller, bool) {
	user, password, given := r.BasicAuth()
	switch {
	case given && user == "server" && same(password, s.ServerSecret):
		return caller{role: server}, true
	case given && user == "node" && same(password, s.AgentSecret):
		return caller{role: agent}, true
	case r.TLS != nil && len(r.TLS.PeerCertificates) > 0:
		return s.certified(r.TLS.PeerCertificates)
	}
	return caller{}, !given
}

func same(given, secret string) bool {
	return subtle.ConstantTimeCompare([]byte(given), []byte(secret)) == 1
}

func (s *Supervisor) certified(presented []*x509.Certificate) (caller, bool) {
	options := x509.VerifyOptions{
		Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), CurrentTime: s.Now(),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	options.Roots.AppendCertsFromPEM(s.ClientCA.PEM)
	for _, c := range presented[1:] {
		options.Intermediates.AddCert(c)
	}
	if _, err := presented[0].Verify(options); err != nil {
		return caller{}, false
	}
	subject := presented[0].Subject
	name, isNode := strings.CutPrefix(subject.CommonName, nodePrefix)
	if !isNode || !slices.Contains(subject.Organization, nodesGroup) {
		return caller{}, true
	}
	return caller{role: node, node: name}, true
}
