package server

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	netutils "k8s.io/utils/net"

	"k3s-aws/localcloud/k3s-standin/internal/config"
	"k3s-aws/localcloud/k3s-standin/internal/controlplane"
	"k3s-aws/localcloud/k3s-standin/internal/passwd"
	"k3s-aws/localcloud/k3s-standin/internal/pki"
	"k3s-aws/localcloud/k3s-standin/internal/token"
)

// files are what a server keeps in <data-dir>/server, laid out as k3s lays it out.
type files struct {
	dir      string
	tls      controlplane.Files
	serverCA *pki.Authority
	clientCA *pki.Authority
	token    string
	agent    string
}

func (f *files) path(parts ...string) string {
	return filepath.Join(append([]string{f.dir}, parts...)...)
}

// newFiles makes the folders only: the datastore is asked before anything is put there.
func newFiles(c *config.Server) (*files, error) {
	f := &files{dir: filepath.Join(c.DataDir, "server")}
	f.tls = controlplane.Files(f.path("tls"))
	for _, dir := range []string{f.path("tls", "etcd"), f.path("db"), f.path("cred"), f.path("manifests")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// kept are the files that the datastore has too, by k3s's names.
func (f *files) kept() map[string]string {
	return map[string]string{
		"ServerCA": f.tls.Path("server-ca.crt"), "ServerCAKey": f.tls.Path("server-ca.key"),
		"ClientCA": f.tls.Path("client-ca.crt"), "ClientCAKey": f.tls.Path("client-ca.key"),
		"RequestHeaderCA": f.tls.Path("request-header-ca.crt"), "RequestHeaderCAKey": f.tls.Path("request-header-ca.key"),
		"ETCDServerCA": f.tls.Path("etcd/server-ca.crt"), "ETCDServerCAKey": f.tls.Path("etcd/server-ca.key"),
		"ETCDPeerCA": f.tls.Path("etcd/peer-ca.crt"), "ETCDPeerCAKey": f.tls.Path("etcd/peer-ca.key"),
		"ServiceKey": f.tls.Path("service.key"), "PasswdFile": f.passwd(),
	}
}

func (f *files) passwd() string { return f.path("cred", "passwd") }

// prepare makes whatever is missing and keeps whatever is there.
func (f *files) prepare(c *config.Server, now pki.Clock) error {
	if err := f.certificates(c, now); err != nil {
		return err
	}
	if err := f.tokens(c); err != nil {
		return err
	}
	return f.kubeconfigs(c)
}

func (f *files) certificates(c *config.Server, now pki.Clock) (err error) {
	dir := string(f.tls)
	if f.serverCA, err = pki.EnsureAuthority(dir, "server-ca", "k3s-server-ca", now); err != nil {
		return err
	}
	if f.clientCA, err = pki.EnsureAuthority(dir, "client-ca", "k3s-client-ca", now); err != nil {
		return err
	}
	requestHeaderCA, err := pki.EnsureAuthority(dir, "request-header-ca", "k3s-request-header-ca", now)
	if err != nil {
		return err
	}
	serving, err := servingLeaf(c)
	if err != nil {
		return err
	}
	client := func(name string, groups ...string) pki.Leaf {
		return pki.Leaf{CommonName: name, Organizations: groups}
	}
	return errors.Join(
		f.serverCA.WriteFirst(f.tls.Path("server-ca.nochain.crt")),
		f.clientCA.WriteFirst(f.tls.Path("client-ca.nochain.crt")),
		pki.EnsureKey(f.tls.Path("service.key")),
		f.serverCA.EnsureLeaf(dir, "serving-kube-apiserver", serving, now),
		requestHeaderCA.EnsureLeaf(dir, "client-auth-proxy", client("system:auth-proxy"), now),
		f.clientCA.EnsureLeaf(dir, "client-admin", client("system:admin", "system:masters"), now),
		f.clientCA.EnsureLeaf(dir, "client-controller", client("system:kube-controller-manager"), now),
		f.clientCA.EnsureLeaf(dir, "client-scheduler", client("system:kube-scheduler"), now),
		f.etcdCertificates(serving, now),
	)
}

// etcdCertificates are made on every server, as k3s does, also while its datastore is SQLite.
func (f *files) etcdCertificates(serving pki.Leaf, now pki.Clock) error {
	dir := f.tls.Path("etcd")
	server, err := pki.EnsureAuthority(dir, "server-ca", "etcd-server-ca", now)
	if err != nil {
		return err
	}
	peer, err := pki.EnsureAuthority(dir, "peer-ca", "etcd-peer-ca", now)
	if err != nil {
		return err
	}
	member := func(name string) pki.Leaf {
		return pki.Leaf{CommonName: name, Names: serving.Names, Addresses: serving.Addresses, Both: true}
	}
	return errors.Join(
		server.EnsureLeaf(dir, "client", pki.Leaf{CommonName: "etcd-client"}, now),
		server.EnsureLeaf(dir, "server-client", member("etcd-server"), now),
		peer.EnsureLeaf(dir, "peer-server-client", member("etcd-peer"), now),
	)
}

// servingLeaf names everything by which the server may be called.
func servingLeaf(c *config.Server) (pki.Leaf, error) {
	leaf := pki.Leaf{CommonName: "kube-apiserver"}
	names := []string{
		"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
		"kubernetes.default.svc." + c.ClusterDomain, c.Name,
	}
	addresses := append([]net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}, c.IPs...)
	for _, name := range slices.Concat([]string{c.AdvertiseAddress}, c.ExternalIPs, c.TLSNames) {
		if ip := net.ParseIP(name); ip != nil {
			addresses = append(addresses, ip)
		} else if name != "" {
			names = append(names, name)
		}
	}
	for _, network := range c.ServiceCIDRs {
		first, err := netutils.GetIndexedIP(network, 1)
		if err != nil {
			return leaf, fmt.Errorf("service-cidr: %w", err)
		}
		addresses = append(addresses, first)
	}
	slices.Sort(names)
	leaf.Names = slices.Compact(names)
	for _, ip := range addresses {
		if !slices.ContainsFunc(leaf.Addresses, ip.Equal) {
			leaf.Addresses = append(leaf.Addresses, ip)
		}
	}
	return leaf, nil
}

// tokens: the configured one, else the one of an earlier start, else a new one. The passwd file
// follows the configuration, and with it who may join.
func (f *files) tokens(c *config.Server) (err error) {
	users, err := passwd.Read(f.passwd())
	if err != nil {
		return err
	}
	if f.token, err = f.password(c); err != nil {
		return err
	}
	if f.token == "" {
		if f.token, err = token.Random(); err != nil {
			return err
		}
	}
	if f.agent = c.AgentToken; f.agent == "" {
		f.agent = f.token
	}
	users.Set(passwd.Node, f.agent)
	users.Set(passwd.Server, f.token)
	if err := users.Write(); err != nil {
		return err
	}
	if err := f.writeToken("token", "server", f.token); err != nil {
		return err
	}
	if err := relink(f.path("token"), f.path("node-token")); err != nil {
		return err
	}
	if c.AgentToken == "" {
		return relink(f.path("token"), f.path("agent-token"))
	}
	return f.writeToken("agent-token", "node", f.agent)
}

// password is the configured one, or that of an earlier start, or empty.
func (f *files) password(c *config.Server) (string, error) {
	if c.Token != "" {
		return c.Token, nil
	}
	return f.earlierToken()
}

// earlierToken is empty before the first start.
func (f *files) earlierToken() (string, error) {
	file := f.path("token")
	raw, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	parsed, err := token.Parse(strings.TrimSpace(string(raw)))
	if err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	return parsed.Password, nil
}

// writeToken replaces a link rather than writing through it into another token's file.
func (f *files) writeToken(name, user, password string) error {
	full, err := token.Format(user, password, f.serverCA.PEM)
	if err != nil {
		return err
	}
	path := f.path(name)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.WriteFile(path, []byte(full+"\n"), 0o600)
}

func relink(target, link string) error {
	if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Symlink(target, link)
}

func joined(networks []*net.IPNet) string {
	var all []string
	for _, network := range networks {
		all = append(all, network.String())
	}
	return strings.Join(all, ",")
}
