// Package server is `k3s server`: the control plane, what k3s answers beside it, and a node.
package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"k3s-aws/localcloud/k3s-standin/internal/agent"
	"k3s-aws/localcloud/k3s-standin/internal/bootstrap"
	"k3s-aws/localcloud/k3s-standin/internal/config"
	"k3s-aws/localcloud/k3s-standin/internal/controlplane"
	"k3s-aws/localcloud/k3s-standin/internal/manifests"
	"k3s-aws/localcloud/k3s-standin/internal/node"
	"k3s-aws/localcloud/k3s-standin/internal/nodepassword"
	"k3s-aws/localcloud/k3s-standin/internal/passwd"
	"k3s-aws/localcloud/k3s-standin/internal/supervisor"
	"k3s-aws/localcloud/k3s-standin/internal/token"
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
	datastore, err := controlplane.StartDatastore(files.path("db"))
	if err != nil {
		return fmt.Errorf("datastore: %w", err)
	}
	defer datastore.Stop()
	data := &bootstrap.Data{Store: datastore, Files: files.kept()}
	if err := files.agree(ctx, c, data); err != nil {
		return fmt.Errorf("preparing server: %w", err)
	}
	s, err := newServer(c, files, data)
	if err != nil {
		return err
	}
	// The API server would tell systemd that it is ready as soon as it listens. k3s hides the socket
	// from it too.
	s.systemd = os.Getenv(notifySocket)
	if err := os.Unsetenv(notifySocket); err != nil {
		return err
	}
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return named(ctx, "kube-apiserver", s.apiServer(datastore.Endpoint).Run(ctx)) })
	parts.Go(func() error { return s.afterReady(ctx, parts) })
	err = parts.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// agree brings the files on disk and the datastore together, in k3s's order: a token that does not
// fit changes nothing.
func (f *files) agree(ctx context.Context, c *config.Server, data *bootstrap.Data) error {
	password := c.Token
	if password == "" {
		var err error
		if password, err = f.earlierToken(); err != nil {
			return err
		}
	}
	fresh, err := data.Reconcile(ctx, password)
	if err != nil {
		return fmt.Errorf("failed to bootstrap cluster data: %w", err)
	}
	if err := f.prepare(c, time.Now); err != nil {
		return err
	}
	if !fresh {
		return nil
	}
	return data.Save(ctx, f.token)
}

func newServer(c *config.Server, files *files, data *bootstrap.Data) (*server, error) {
	access, err := files.access(c, "admin")
	if err != nil {
		return nil, err
	}
	s := &server{config: c, files: files, data: data, rest: access.RestConfig()}
	s.rest.QPS, s.rest.Burst = 200, 400
	if s.client, err = kubernetes.NewForConfig(s.rest); err != nil {
		return nil, err
	}
	s.supervisor = &supervisor.Supervisor{
		CACerts: files.serverCA.PEM, ClientCA: files.clientCA,
		ServerSecret: files.token, AgentSecret: files.agent, PasswordFile: c.PasswordFile,
		ClusterCIDR: c.ClusterCIDR, ServiceCIDR: c.ServiceCIDR, Now: time.Now,
		Rotate: s.rotateToken,
	}
	return s, nil
}

func (s *server) apiServer(datastore string) controlplane.APIServer {
	c := s.config
	return controlplane.APIServer{
		Files: s.files.tls, Datastore: datastore,
		BindAddress: c.BindAddress, Port: c.Port, AdvertiseAddress: c.AdvertiseAddress,
		ServiceCIDR: c.ServiceCIDR, ServicePorts: c.ServicePorts,
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
		ClusterCIDR: c.ClusterCIDR, ServiceCIDR: c.ServiceCIDR, ExtraArgs: c.ControllerArgs,
	}
	scheduler := controlplane.Scheduler{
		Kubeconfig: s.files.path("cred", "scheduler.kubeconfig"), ExtraArgs: c.SchedulerArgs,
	}
	deployer, err := manifests.New(s.files.path("manifests"), s.rest)
	if err != nil {
		return err
	}
	parts.Go(func() error { return named(ctx, "kube-controller-manager", controllers.Run(ctx)) })
	parts.Go(func() error { return named(ctx, "kube-scheduler", scheduler.Run(ctx)) })
	parts.Go(func() error { return named(ctx, "manifests", deployer.Run(ctx)) })
	if err := s.openJoining(ctx); err != nil {
		return err
	}
	s.announce()
	if !c.DisableAgent {
		parts.Go(func() error { return s.runNode(ctx) })
	}
	return nil
}

// rotateToken gives the server another token, on disk and in the datastore. The passwords that this
// process lets in stay what they were at its start, as in k3s.
func (s *server) rotateToken(ctx context.Context, given string) error {
	s.rotating.Lock()
	defer s.rotating.Unlock()
	if given == "" {
		var err error
		if given, err = token.Random(); err != nil {
			return err
		}
	}
	password, err := token.Password(given)
	if err != nil {
		return err
	}
	users, err := passwd.Read(s.files.passwd())
	if err != nil {
		return err
	}
	old := users.Password(passwd.Server)
	if s.config.AgentToken == "" && users.Password(passwd.Node) == old {
		users.Set(passwd.Node, password)
	}
	users.Set(passwd.Server, password)
	if err := users.Write(); err != nil {
		return err
	}
	if err := s.files.writeToken("token", "server", password); err != nil {
		return err
	}
	return s.data.Rotate(ctx, old, password)
}

// waitReady asks until /readyz says ok.
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
			return context.Cause(ctx)
		case <-time.After(readyEvery):
		}
	}
}

// openJoining lets nodes join. Passwords without a Node go first, while nobody can be joining.
func (s *server) openJoining(ctx context.Context) error {
	keeper := nodepassword.Keeper{Client: s.client}
	if err := keeper.ForgetOrphans(ctx); err != nil {
		return fmt.Errorf("node passwords: %w", err)
	}
	if err := keeper.Watch(ctx); err != nil {
		return fmt.Errorf("node passwords: %w", err)
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

// runNode joins this machine as any agent joins, then gives it the server's label, which a node
// may not give itself.
func (s *server) runNode(ctx context.Context) error {
	secret, err := token.Format("node", s.files.agent, s.files.serverCA.PEM)
	if err != nil {
		return err
	}
	joined := &config.Agent{Node: s.config.Node, URL: localURL(s.config), Token: secret}
	return agent.Run(ctx, joined, func(ctx context.Context) error {
		patch := fmt.Sprintf(`{"metadata":{"labels":{%q:"true"}}}`, node.ControlPlaneLabel)
		_, err := s.client.CoreV1().Nodes().Patch(ctx, s.config.Name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
		return err
	})
}

// named says which part ended. A part that ends while the others should go on is a failure.
func named(ctx context.Context, part string, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		return fmt.Errorf("%s ended without being told to", part)
	}
	return fmt.Errorf("%s: %w", part, err)
}
