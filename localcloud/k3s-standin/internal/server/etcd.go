package server

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"k3s-aws/localcloud/k3s-standin/internal/bootstrap"
	"k3s-aws/localcloud/k3s-standin/internal/config"
	"k3s-aws/localcloud/k3s-standin/internal/controlplane"
	"k3s-aws/localcloud/k3s-standin/internal/etcd"
	"k3s-aws/localcloud/k3s-standin/internal/join"
	"k3s-aws/localcloud/k3s-standin/internal/shutdown"
)

// etcdDatastore is this server's member of embedded etcd.
type etcdDatastore struct {
	config  *config.Server
	files   *files
	member  *etcd.Member
	data    *bootstrap.Data
	joined  *join.Server // nil for a server that founds a cluster
	running *etcd.Running
	opened  atomic.Bool
	// report is told the state of all members by the leader's server.
	report atomic.Pointer[func(context.Context, []etcd.State)]
}

func newMember(c *config.Server, files *files) *etcd.Member {
	return &etcd.Member{
		Dir: files.path("db", "etcd"), TLS: files.tls.Path("etcd"), NodeName: c.Name,
		Address: c.IPs[0].String(), Loopback: c.Loopback, ExtraArgs: c.EtcdArgs,
	}
}

func (d *etcdDatastore) agree(ctx context.Context) error {
	if err := d.bootstrap(ctx); err != nil {
		return fmt.Errorf("failed to bootstrap cluster data: %w", err)
	}
	if err := d.files.prepare(d.config, time.Now); err != nil {
		return fmt.Errorf("failed to generate server dependencies: %w", err)
	}
	if err := d.member.Prepare(d.config.JoinURL != ""); err != nil {
		return fmt.Errorf("failed to start supervisor listener: %w", err)
	}
	return nil
}

func (d *etcdDatastore) bootstrap(ctx context.Context) error {
	initialized, err := d.member.Initialized()
	switch {
	case err != nil:
		return err
	case initialized:
		logrus.Info("Managed etcd cluster bootstrap already complete and initialized")
		return d.reconcile(ctx)
	case d.config.JoinURL == "":
		logrus.Info("Managed etcd cluster initializing")
		return nil
	case d.config.JoinToken == "":
		return errors.New("failed to check if bootstrap data has been initialized: token is required to join a cluster")
	}
	if d.joined, err = d.ask(ctx); err != nil {
		return fmt.Errorf("failed to check if bootstrap data has been initialized: failed to validate token: %w", err)
	}
	logrus.Info("Managed etcd cluster not yet initialized")
	if err := d.compare(ctx); err != nil {
		return fmt.Errorf("failed to validate server configuration: %w", err)
	}
	return d.accept(ctx)
}

func (d *etcdDatastore) ask(ctx context.Context) (*join.Server, error) {
	return join.NewServer(ctx, d.config.JoinURL, d.config.JoinToken, d.files.tls.Path("server-ca.crt"))
}

// reconcile asks the server that was joined, and reads its own data where that does not answer: a whole cluster
// that was down starts so.
func (d *etcdDatastore) reconcile(ctx context.Context) error {
	if d.config.JoinURL != "" && d.config.JoinToken != "" {
		joined, err := d.ask(ctx)
		if err == nil {
			d.joined = joined
			err = d.accept(ctx)
		}
		if err == nil {
			logrus.Info("Successfully reconciled with remote datastore")
			return nil
		}
		logrus.Warnf("Unable to reconcile with remote datastore: %v", err)
	}
	password, err := d.files.password(d.config)
	if err != nil {
		return err
	}
	local := bootstrap.Data{Store: stopped{d.member}, Files: d.data.Files}
	fresh, err := local.Reconcile(ctx, password)
	if err == nil && fresh {
		err = errors.New("no bootstrap data found in datastore - check server token value and verify datastore integrity")
	}
	if err != nil {
		return fmt.Errorf("failed to reconcile with local datastore: %w", err)
	}
	logrus.Info("Successfully reconciled with local datastore")
	return nil
}

func (d *etcdDatastore) accept(ctx context.Context) error {
	plain, err := d.joined.Bootstrap(ctx)
	if err != nil {
		return err
	}
	return d.data.Accept(plain)
}

// compare refuses to join a cluster with other settings than this server's.
func (d *etcdDatastore) compare(ctx context.Context) error {
	secret := d.config.AgentToken
	if secret == "" {
		secret = d.config.Token
	}
	theirs, err := d.joined.Configuration(ctx, secret)
	if err != nil {
		logrus.Warnf("Skipping cluster configuration validation: %v", err)
		return nil
	}
	differences, err := forAgents(d.config).Differences(theirs)
	if err != nil {
		return err
	}
	for _, flag := range differences {
		logrus.Warnf("critical configuration mismatched: %s", flag)
	}
	if len(differences) > 0 {
		return errors.New("critical configuration value mismatch between servers")
	}
	return nil
}

func (d *etcdDatastore) start(ctx context.Context, parts *errgroup.Group) (err error) {
	if err := d.member.Open(); err != nil {
		return failed(err)
	}
	d.opened.Store(true)
	parts.Go(func() error {
		d.member.ManageLearners(ctx, func(ctx context.Context, states []etcd.State) {
			if report := d.report.Load(); report != nil {
				(*report)(ctx, states)
			}
		})
		return ctx.Err()
	})
	initialized, err := d.member.Initialized()
	switch {
	case err != nil:
	case initialized:
		d.running, err = d.member.Continue(ctx)
	case d.joined == nil:
		if d.running, err = d.member.Found(ctx); err == nil {
			err = d.convert(ctx)
		}
	default:
		if d.running, err = d.member.Join(ctx, d.joined); err != nil && ctx.Err() == nil {
			return shutdown.Because(err)
		}
	}
	if err != nil {
		return failed(err)
	}
	if err := d.member.AwaitReady(ctx); err != nil {
		return err
	}
	d.schedule(ctx)
	if err := d.data.Ensure(ctx, d.files.token); err != nil {
		return shutdown.Because(fmt.Errorf("failed to save bootstrap data: %w", err))
	}
	return nil
}

func failed(err error) error {
	return fmt.Errorf("starting kubernetes: failed to start cluster: start managed database: %w", err)
}

func (d *etcdDatastore) endpoint() controlplane.Endpoint {
	tls := d.files.tls
	return controlplane.Endpoint{URL: d.member.Endpoint(), CA: tls.Path("etcd/server-ca.crt"),
		Certificate: tls.Path("etcd/client.crt"), Key: tls.Path("etcd/client.key")}
}

func (d *etcdDatastore) stop() {
	if d.running != nil {
		d.running.Stop()
	}
	d.member.Close()
}

// MemberList answers a server that joins.
func (d *etcdDatastore) MemberList(ctx context.Context) ([]byte, error) {
	if !d.opened.Load() {
		return nil, errors.New("failed to get etcd MemberList: etcd not started")
	}
	return d.member.MemberList(ctx)
}

// Bootstrap answers a server that joins.
func (d *etcdDatastore) Bootstrap(ctx context.Context, password string) ([]byte, error) {
	if !d.opened.Load() {
		return d.data.OnDisk()
	}
	return d.data.Tell(ctx, password)
}

// stopped is a member's data while etcd does not run.
type stopped struct{ member *etcd.Member }

func (s stopped) List(_ context.Context, prefix string) (map[string][]byte, error) {
	return s.member.ListStopped(prefix)
}

func (s stopped) Put(context.Context, string, []byte) error { return errors.ErrUnsupported }

func (s stopped) Delete(context.Context, string) error { return errors.ErrUnsupported }
