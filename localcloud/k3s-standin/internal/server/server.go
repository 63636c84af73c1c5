// Package server is `k3s server`: the control plane, k3s's own API beside it, and a node.
package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"k3s-aws/localcloud/k3s-standin/internal/agent"
	"k3s-aws/localcloud/k3s-standin/internal/bootstrap"
	"k3s-aws/localcloud/k3s-standin/internal/config"
	"k3s-aws/localcloud/k3s-standin/internal/controlplane"
	"k3s-aws/localcloud/k3s-standin/internal/manifests"
	"k3s-aws/localcloud/k3s-standin/internal/nodepassword"
	"k3s-aws/localcloud/k3s-standin/internal/shutdown"
	"k3s-aws/localcloud/k3s-standin/internal/supervisor"
	"k3s-aws/localcloud/k3s-standin/internal/version"
)

const (
	readyEvery   = 100 * time.Millisecond
	readyTimeout = 5 * time.Minute
	notifySocket = "NOTIFY_SOCKET"
)

// server is one run of `k3s server`.
type server struct {
	config     *config.Server
	files      *files
	data       *bootstrap.Data
	store      datastore
	port       *port
	rotating   sync.Mutex
	supervisor *supervisor.Supervisor
	rest       *rest.Config
	client     kubernetes.Interface
	systemd    string // where systemd listens for READY=1
}

// Run serves until the context ends or a part of the control plane fails.
func Run(ctx context.Context, c *config.Server) error {
	logrus.Infof("Starting k3s %s (a stand-in for k3s: nodes run no containers)", version.Kubernetes)
	files, err := newFiles(c)
	if err != nil {
		return err
	}
	store, data, err := newDatastore(c, files)
	if err != nil {
		return err
	}
	defer store.stop()
	if c.ClusterReset {
		return reset(ctx, c, files, store.(*etcdDatastore))
	}
	if err := store.agree(ctx); err != nil {
		return fmt.Errorf("preparing server: %w", err)
	}
	s, err := newServer(c, files, store, data)
	if err != nil {
		return err
	}
	s.port, err = openPort(c.BindAddress, c.Port)
	if err != nil {
		return err
	}
	defer s.port.Close()
	if err := s.serveEarly(); err != nil {
		return err
	}
	// k3s starts no datastore and no API server before its own node could join.
	if err := agent.AwaitConfiguration(ctx, c.Node); err != nil {
		return err
	}
	// The API server would notify systemd as soon as it listens. k3s hides the socket from it too.
	s.systemd = os.Getenv(notifySocket)
	if err := os.Unsetenv(notifySocket); err != nil {
		return err
	}
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return s.run(ctx, parts) })
	return parts.Wait()
}

// run starts the API server once the datastore is ready.
func (s *server) run(ctx context.Context, parts *errgroup.Group) error {
	if err := s.store.start(ctx, parts); err != nil {
		return err
	}
	api := s.apiServer()
	api.Listener = s.port.handOver(ctx)
	parts.Go(func() error { return exited(ctx, "apiserver", api.Run(ctx)) })
	return s.afterReady(ctx, parts)
}

// serveEarly answers on the port while there is no API server.
func (s *server) serveEarly() error {
	starting := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { supervisor.NotReady(w) })
	return s.port.serve(s.supervisor.Wrap(starting),
		s.files.tls.Path("serving-kube-apiserver.crt"), s.files.tls.Path("serving-kube-apiserver.key"))
}

func newServer(c *config.Server, files *files, store datastore, data *bootstrap.Data) (*server, error) {
	access, err := files.access(c, "admin")
	if err != nil {
		return nil, err
	}
	s := &server{config: c, files: files, store: store, data: data, rest: access.RestConfig()}
	s.rest.QPS, s.rest.Burst = 200, 400
	if s.client, err = kubernetes.NewForConfig(s.rest); err != nil {
		return nil, err
	}
	s.supervisor = &supervisor.Supervisor{
		CACerts: files.serverCA.PEM, ClientCA: files.clientCA,
		ServerSecret: files.token, AgentSecret: files.agent, PasswordFile: c.PasswordFile,
		Agents: forAgents(c), Now: time.Now, Rotate: s.rotateToken,
	}
	s.supervisor.Servers = s.addresses
	if several, ok := store.(*etcdDatastore); ok {
		s.supervisor.Etcd = several
	}
	return s, nil
}

func (s *server) apiServer() controlplane.APIServer {
	c := s.config
	return controlplane.APIServer{
		Files: s.files.tls, Datastore: s.store.endpoint(),
		BindAddress: c.BindAddress, Port: c.Port, AdvertiseAddress: c.AdvertiseAddress,
		ServiceCIDR: joined(c.ServiceCIDRs), ServicePorts: c.ServicePorts,
		Issuer:    "https://kubernetes.default.svc." + c.ClusterDomain,
		ExtraArgs: c.APIServerArgs, Wrap: s.supervisor.Wrap,
	}
}

// afterReady starts everything that needs the API.
func (s *server) afterReady(ctx context.Context, parts *errgroup.Group) error {
	if err := s.waitReady(ctx); err != nil {
		return err
	}
	logrus.Info("Kube API server is now running")
	c := s.config
	controllers := controlplane.ControllerManager{
		Files: s.files.tls, Kubeconfig: s.files.path("cred", "controller.kubeconfig"),
		ClusterCIDR: joined(c.ClusterCIDRs), ServiceCIDR: joined(c.ServiceCIDRs), ExtraArgs: c.ControllerArgs,
		Elected: s.supervisor.Etcd != nil,
	}
	scheduler := controlplane.Scheduler{
		Kubeconfig: s.files.path("cred", "scheduler.kubeconfig"), ExtraArgs: c.SchedulerArgs,
		Elected: s.supervisor.Etcd != nil,
	}
	deployer, err := manifests.New(s.files.path("manifests"), s.rest)
	if err != nil {
		return err
	}
	parts.Go(func() error { return exited(ctx, "controller-manager", controllers.Run(ctx)) })
	parts.Go(func() error { return exited(ctx, "scheduler", scheduler.Run(ctx)) })
	parts.Go(func() error { return deployer.Run(ctx) })
	if err := s.openJoining(ctx); err != nil {
		return err
	}
	s.announce()
	if several, ok := s.store.(*etcdDatastore); ok {
		parts.Go(func() error { return s.followNodes(ctx, several) })
	}
	if !c.DisableAgent {
		parts.Go(func() error { return s.runNode(ctx) })
		parts.Go(func() error { return s.labelNode(ctx) })
	}
	return nil
}

// waitReady returns when /readyz is ok.
func (s *server) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout,
		fmt.Errorf("the API server was not ready within %s", readyTimeout))
	defer cancel()
	for {
		body, err := s.client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
		if err == nil && string(body) == "ok" {
			return nil
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return ctx.Err()
			}
			return context.Cause(ctx)
		case <-time.After(readyEvery):
		}
	}
}

// openJoining lets nodes join. Passwords without a Node go first, while nobody can be joining.
func (s *server) openJoining(ctx context.Context) error {
	keeper := nodepassword.Keeper{Client: s.client}
	if s.supervisor.Etcd != nil {
		keeper.Grace = time.Minute
	}
	if err := keeper.ForgetOrphans(ctx); err != nil {
		return fmt.Errorf("node passwords: %w", err)
	}
	if err := keeper.Watch(ctx); err != nil {
		return fmt.Errorf("node passwords: %w", err)
	}
	if several, ok := s.store.(*etcdDatastore); ok {
		if err := s.afterReset(ctx, several, keeper.Forget); err != nil {
			return err
		}
	}
	s.supervisor.Ready(keeper)
	return nil
}

func (s *server) announce() {
	logrus.Infof("Server node token is available at %s", s.files.path("token"))
	logrus.Infof("Agent node token is available at %s", s.files.path("agent-token"))
	logrus.Infof("Wrote kubeconfig %s", s.config.Kubeconfig)
	logrus.Info("k3s is up and running")
	if err := os.Setenv(notifySocket, s.systemd); err != nil {
		logrus.Errorf("sd_notify: %v", err)
	}
	if _, err := daemon.SdNotify(true, daemon.SdNotifyReady); err != nil {
		logrus.Errorf("sd_notify: %v", err)
	}
}

// exited is the end of a component while the others run on.
func exited(ctx context.Context, component string, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		return shutdown.Because(nil)
	}
	return shutdown.Because(fmt.Errorf("%s exited: %w", component, err))
}
