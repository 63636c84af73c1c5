// Package etcd runs this machine's member of the cluster's embedded etcd: it starts, joins, is promoted and
// removed, as k3s does it.
package etcd

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap/zapcore"
)

const (
	backupsKept   = 5
	tombstoneName = "tombstone"
)

// Member is this machine's part of etcd.
type Member struct {
	Dir       string // <data-dir>/server/db/etcd
	TLS       string // the folder of its certificates
	NodeName  string
	Address   string   // where the other servers reach it
	Loopback  string   // where this machine reaches it
	ExtraArgs []string // etcd's own settings, `key=value`

	name   string
	client *clientv3.Client
}

// Initialized is true once etcd has run here: from then on nothing but its data decides what it is.
func (m *Member) Initialized() (bool, error) {
	info, err := os.Stat(filepath.Join(m.Dir, "member", "wal"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("invalid state for wal directory: %w", err)
	}
	return info.IsDir(), nil
}

// Name is unique for each time that a machine joins.
func (m *Member) Name() string { return m.name }

// Prepare puts the data of a member that was removed aside, and names this one.
func (m *Member) Prepare(joining bool) error {
	_, err := os.Stat(m.path(tombstoneName))
	if err == nil {
		if !joining {
			return errors.New("tombstone file has been detected but --server is empty: backup and delete " +
				"${datadir}/server/db to create a new cluster, or set --server to rejoin the cluster")
		}
		logrus.Info("tombstone file has been detected, removing ${datadir}/server/db to rejoin the cluster")
		if err := m.putAside(); err != nil {
			return err
		}
	}
	return m.ensureName(false)
}

// putAside keeps the newest backups only.
func (m *Member) putAside() error {
	backups, err := filepath.Glob(m.Dir + "-backup-*")
	if err != nil {
		return err
	}
	slices.Sort(backups) // by the time in their names
	for len(backups) > backupsKept {
		if err := os.RemoveAll(backups[0]); err != nil {
			return err
		}
		backups = backups[1:]
	}
	return os.Rename(m.Dir, m.Dir+"-backup-"+strconv.FormatInt(time.Now().Unix(), 10))
}

// ensureName reads the name of an earlier start, or makes another.
func (m *Member) ensureName(another bool) error {
	raw, err := os.ReadFile(m.path("name"))
	if err == nil && !another {
		m.name = string(raw)
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	random := make([]byte, 4)
	if _, err := rand.Read(random); err != nil {
		return err
	}
	m.name = m.NodeName + "-" + hex.EncodeToString(random)
	if err := os.MkdirAll(m.Dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(m.path("name"), []byte(m.name), 0o600)
}

// nodeOf is the node's name in a member's.
func nodeOf(member string) string {
	if hyphen := strings.LastIndex(member, "-"); hyphen > 1 {
		return member[:hyphen]
	}
	return member
}

func (m *Member) path(name string) string { return filepath.Join(m.Dir, name) }

func (m *Member) certificate(name string) string { return filepath.Join(m.TLS, name) }

func (m *Member) peerURL() string { return url("https", m.Address, "2380") }

// Endpoint is where this machine's API server finds etcd.
func (m *Member) Endpoint() string { return url("https", m.Loopback, "2379") }

func url(scheme, host, port string) string { return scheme + "://" + net.JoinHostPort(host, port) }

// connect makes a client for endpoints; it does not wait for a connection.
func (m *Member) connect(endpoints ...string) (*clientv3.Client, error) {
	settings, err := m.clientSettings(endpoints...)
	if err != nil {
		return nil, err
	}
	return clientv3.New(settings)
}

func (m *Member) clientSettings(endpoints ...string) (settings clientv3.Config, err error) {
	pair, err := tls.LoadX509KeyPair(m.certificate("client.crt"), m.certificate("client.key"))
	if err != nil {
		return settings, err
	}
	ca, err := os.ReadFile(m.certificate("server-ca.crt"))
	if err != nil {
		return settings, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	// A client repeats what its server logs.
	quiet, err := logger(zapcore.ErrorLevel)
	if err != nil {
		return settings, err
	}
	return clientv3.Config{
		Endpoints: endpoints, TLS: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}},
		DialKeepAliveTime: 30 * time.Second, DialKeepAliveTimeout: 10 * time.Second, PermitWithoutStream: true,
		Logger: quiet,
	}, nil
}
