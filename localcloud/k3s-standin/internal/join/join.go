// Package join is a node's side of joining: it checks who answers, then asks for a certificate.
package join

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"k3s-aws/localcloud/k3s-standin/internal/balancer"
	"k3s-aws/localcloud/k3s-standin/internal/pki"
	"k3s-aws/localcloud/k3s-standin/internal/supervisor"
	"k3s-aws/localcloud/k3s-standin/internal/token"
)

const (
	requestTimeout = 10 * time.Second
	// validateEvery is k3s's pause between two looks at a server that does not let us in.
	validateEvery = 2 * time.Second
	// certificateEvery is shorter than k3s's 5 to 10 s: there is no herd to keep apart here.
	certificateEvery = time.Second
	maxAnswerBytes   = 1 << 20
)

var errNotJSON = errors.New("the server did not answer in JSON")

// Cluster is a server that was checked, and the token to use with it.
type Cluster struct {
	URL     string
	CACerts []byte
	// Configuration is the server's, once Certificate has returned.
	Configuration supervisor.Configuration
	token         token.Token
	roots         *x509.CertPool
	timeout       time.Duration // 0: the usual one
	dial          Dial          // nil: as the URL says
	user          string        // an agent is `node` whatever its token says, a server `server`
}

// Dial reaches one of the cluster's servers, whatever the address.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Until tries without end, as k3s does, until the token is well-formed and the server has its authority.
// Whether the password is right shows with the first request that needs it.
func Until(ctx context.Context, url, secret string, dial Dial) (*Cluster, error) {
	for {
		cluster, err := validate(ctx, url, secret, dial)
		if err == nil {
			return cluster, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		logrus.Errorf("Failed to validate connection to cluster at %s: %v", url, err)
		if err := pause(ctx, validateEvery); err != nil {
			return nil, err
		}
	}
}

// validate compares the authority's hash before any credential leaves the machine.
func validate(ctx context.Context, url, secret string, dial Dial) (*Cluster, error) {
	t, err := token.Parse(secret)
	if err != nil {
		return nil, err
	}
	if err := checkScheme(url); err != nil {
		return nil, err
	}
	insecure := client(&tls.Config{InsecureSkipVerify: true}, dial) //nolint:gosec // the hash is compared below
	defer insecure.CloseIdleConnections()
	status, ca, err := fetch(ctx, insecure, http.MethodGet, url+"/cacerts", nil, nil)
	if err != nil {
		return nil, fmt.Errorf("failed to get CA certs: %w", err)
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("failed to get CA certs: %s/cacerts: %d %s", url, status, http.StatusText(status))
	}
	hash, err := token.HashCA(ca)
	switch {
	case err != nil:
		return nil, err
	case t.CAHash == "":
		logrus.Warn("Cluster CA certificate is not trusted by the host CA bundle, but the token does not include a CA hash. " +
			"Use the full token from the server's node-token file to enable Cluster CA validation.")
	case hash != t.CAHash:
		return nil, fmt.Errorf("token CA hash does not match the Cluster CA certificate hash: %s != %s", t.CAHash, hash)
	}
	return &Cluster{URL: url, CACerts: ca, token: t, roots: pool(ca), dial: dial, user: "node"}, nil
}

func checkScheme(url string) error {
	if !strings.HasPrefix(url, "https://") {
		return fmt.Errorf("only https:// URLs are supported, invalid scheme: %s", url)
	}
	return nil
}

func pool(ca []byte) *x509.CertPool {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	return roots
}

// Certificate gives the node a client certificate and its key, both in PEM. The certificate of an
// earlier join, when there is one, opens the server beside the token. It waits for a server that is
// not ready, and for ever for one that refuses the token or the node's name, as k3s does.
func (c *Cluster) Certificate(ctx context.Context, node, passwordFile string, held ...tls.Certificate) (cert, key []byte, err error) {
	password, err := ensurePassword(passwordFile)
	if err != nil {
		return nil, nil, err
	}
	request, key, err := pki.NewRequest()
	if err != nil {
		return nil, nil, err
	}
	headers := map[string]string{supervisor.NodeNameHeader: node, supervisor.NodePasswordHeader: password}
	for {
		cert, err := c.certificate(ctx, request, headers, passwordFile, held)
		if err == nil {
			return cert, key, nil
		}
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		logrus.Infof("Waiting to retrieve agent configuration; server is not ready: %v", err)
		if err := pause(ctx, certificateEvery); err != nil {
			return nil, nil, err
		}
	}
}

func (c *Cluster) certificate(ctx context.Context, request []byte, headers map[string]string, passwordFile string, held []tls.Certificate) ([]byte, error) {
	if err := c.configuration(ctx, held); err != nil {
		return nil, fmt.Errorf("failed to retrieve configuration from server: %w", err)
	}
	const path = "/v1-k3s/client-kubelet.crt"
	status, body, err := c.ask(ctx, held, http.MethodPost, path, headers, request)
	if err == nil && status == http.StatusUnauthorized && len(held) > 0 {
		// The Node is gone, and with it what its certificate counted for.
		logrus.Info("Node authorization rejected, retrying without client certificate authentication")
		status, body, err = c.ask(ctx, nil, http.MethodPost, path, headers, request)
	}
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusForbidden:
		return nil, errors.New(supervisor.RejectedText(passwordFile))
	case status != http.StatusOK:
		return nil, fmt.Errorf("%s%s: %d %s", c.URL, path, status, http.StatusText(status))
	}
	return body, nil
}

// configuration is k3s's first request, where a wrong token shows.
func (c *Cluster) configuration(ctx context.Context, held []tls.Certificate) error {
	status, body, err := c.ask(ctx, held, http.MethodGet, "/v1-k3s/config", nil, nil)
	if err := c.told(status, body, err); err != nil {
		return err
	}
	return json.Unmarshal(body, &c.Configuration)
}

// told is the error in an answer, in the server's words when it has any.
func (c *Cluster) told(status int, body []byte, err error) error {
	if err != nil || status == http.StatusOK {
		return err
	}
	var told metav1.Status
	if err := json.Unmarshal(body, &told); err == nil && told.Kind == "Status" {
		return errors.New(told.Message)
	}
	return fmt.Errorf("%s: %d %s", c.URL, status, http.StatusText(status))
}

func (c *Cluster) ask(ctx context.Context, held []tls.Certificate, method, path string, headers map[string]string, body []byte) (int, []byte, error) {
	settings := &tls.Config{RootCAs: c.roots, Certificates: held}
	if c.dial != nil {
		settings.ServerName = balancer.ServerName
	}
	asking := client(settings, c.dial)
	if c.timeout > 0 {
		asking.Timeout = c.timeout
	}
	return fetch(ctx, asking, method, c.URL+path, func(r *http.Request) {
		r.SetBasicAuth(c.user, c.token.Password)
		for name, value := range headers {
			r.Header.Set(name, value)
		}
	}, body)
}

func client(config *tls.Config, dial Dial) *http.Client {
	return &http.Client{Timeout: requestTimeout, Transport: &http.Transport{
		TLSClientConfig: config, DisableKeepAlives: true, DialContext: dial,
	}}
}

func fetch(ctx context.Context, c *http.Client, method, url string, prepare func(*http.Request), body []byte) (int, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if prepare != nil {
		prepare(request)
	}
	response, err := c.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes))
	return response.StatusCode, answer, err
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
