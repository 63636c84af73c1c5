// Package controlplane runs the real Kubernetes control plane in this process: datastore,
// API server, controller manager and scheduler. There can be one per process.
package controlplane

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"time"

	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"

	"k3s-aws/localcloud/k3s-standin/internal/arguments"
)

// shutdownTimeout is short, because a node's watches never end by themselves: by default they hold
// up the shutdown for a minute.
const shutdownTimeout = time.Second

// APIServer is how the API server is run.
type APIServer struct {
	Files            Files
	Datastore        Endpoint
	BindAddress      string
	Port             int
	Listener         net.Listener // on that port, where the supervisor's own paths were served before
	AdvertiseAddress string
	ServiceCIDR      string
	ServicePorts     string
	Issuer           string
	ExtraArgs        []string
	// Wrap puts other answers before the API's on its own port, so that client certificates
	// reach the API server untouched.
	Wrap func(http.Handler) http.Handler
}

// Endpoint is where a datastore is found, and with which certificates: none for a socket.
type Endpoint struct{ URL, CA, Certificate, Key string }

func (e Endpoint) arguments() []string {
	if e.CA == "" {
		return []string{"--etcd-servers=" + e.URL}
	}
	return []string{
		"--etcd-servers=" + e.URL, "--etcd-cafile=" + e.CA, "--etcd-certfile=" + e.Certificate, "--etcd-keyfile=" + e.Key,
	}
}

// Run serves until the context ends.
func (a APIServer) Run(ctx context.Context) error {
	settings := options.NewServerRunOptions()
	if err := parse("kube-apiserver", settings.Flags(), a.arguments()); err != nil {
		return err
	}
	settings.SecureServing.Listener = a.Listener
	if err := settings.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return err
	}
	completed, err := settings.Complete(ctx)
	if err != nil {
		return err
	}
	if errs := completed.Validate(); len(errs) != 0 {
		return utilerrors.NewAggregate(errs)
	}
	config, err := app.NewConfig(completed)
	if err != nil {
		return err
	}
	a.wrap(config)
	ready, err := config.Complete()
	if err != nil {
		return err
	}
	server, err := app.CreateServerChain(ready)
	if err != nil {
		return err
	}
	server.GenericAPIServer.ShutdownTimeout = shutdownTimeout
	prepared, err := server.PrepareRun()
	if err != nil {
		return err
	}
	return prepared.Run(ctx)
}

// wrap decorates the aggregator, whose handlers come first.
func (a APIServer) wrap(config *app.Config) {
	generic := &config.Aggregator.GenericConfig.Config
	build := generic.BuildHandlerChainFunc
	generic.BuildHandlerChainFunc = func(api http.Handler, c *genericapiserver.Config) http.Handler {
		return a.Wrap(build(api, c))
	}
}

func (a APIServer) arguments() []string {
	f := a.Files
	defaults := append(a.Datastore.arguments(),
		"--bind-address="+a.BindAddress,
		"--secure-port="+strconv.Itoa(a.Port),
		"--advertise-address="+a.AdvertiseAddress,
		"--service-cluster-ip-range="+a.ServiceCIDR,
		"--service-node-port-range="+a.ServicePorts,
		"--tls-cert-file="+f.Path("serving-kube-apiserver.crt"),
		"--tls-private-key-file="+f.Path("serving-kube-apiserver.key"),
		"--client-ca-file="+f.Path("client-ca.crt"),
		"--service-account-issuer="+a.Issuer,
		"--service-account-key-file="+f.Path("service.key"),
		"--service-account-signing-key-file="+f.Path("service.key"),
		"--requestheader-client-ca-file="+f.Path("request-header-ca.crt"),
		"--requestheader-allowed-names=system:auth-proxy",
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file="+f.Path("client-auth-proxy.crt"),
		"--proxy-client-key-file="+f.Path("client-auth-proxy.key"),
		"--enable-admission-plugins=NodeRestriction",
		// As k3s does (pkg/daemons/control/server.go); Pod Security decides by namespace.
		"--allow-privileged=true",
		"--enable-bootstrap-token-auth=true",
		"--profiling=false",
	)
	// A file of the operator's excludes the argument that it replaces.
	if arguments.Value("authentication-config", a.ExtraArgs) == "" {
		defaults = append(defaults, "--anonymous-auth=false")
	}
	if arguments.Value("authorization-config", a.ExtraArgs) == "" {
		defaults = append(defaults, "--authorization-mode=Node,RBAC")
	}
	if ip := net.ParseIP(a.AdvertiseAddress); ip != nil && ip.IsLoopback() {
		// Kubernetes refuses a loopback address as an endpoint of its service.
		defaults = append(defaults, "--endpoint-reconciler-type=none")
	}
	return arguments.Merge(defaults, a.ExtraArgs)
}
