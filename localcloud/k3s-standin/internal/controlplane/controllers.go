package controlplane

import (
	"context"
	"fmt"

	"k8s.io/kubernetes/cmd/kube-controller-manager/app"
	"k8s.io/kubernetes/cmd/kube-controller-manager/app/options"

	"k3s-aws/localcloud/k3s-standin/internal/arguments"
)

// ControllerManager is how the controller manager is run.
type ControllerManager struct {
	Files       Files
	Kubeconfig  string
	ClusterCIDR string
	ServiceCIDR string
	ExtraArgs   []string
	Elected     bool // among several servers
}

// Run controls until the context ends.
func (c ControllerManager) Run(ctx context.Context) error {
	settings, err := options.NewKubeControllerManagerOptions()
	if err != nil {
		return err
	}
	all, off, aliases := app.KnownControllers(), app.ControllersDisabledByDefault(), app.ControllerAliases()
	if err := parse("kube-controller-manager", settings.Flags(all, off, aliases), c.arguments()); err != nil {
		return err
	}
	config, err := settings.Config(ctx, all, off, aliases)
	if err != nil {
		return err
	}
	return run(ctx, c.Elected, func(ctx context.Context) error { return app.Run(ctx, config.Complete()) })
}

// run keeps a component that was elected from ending with the context: it would end the process then. Without
// the API server it ends it too, a while later.
func run(ctx context.Context, elected bool, component func(context.Context) error) error {
	if !elected {
		return component(ctx)
	}
	ended := make(chan error, 1)
	go func() { ended <- component(context.WithoutCancel(ctx)) }()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-ended:
		return err
	}
}

func (c ControllerManager) arguments() []string {
	f := c.Files
	return arguments.Merge([]string{
		"--kubeconfig=" + c.Kubeconfig,
		fmt.Sprintf("--leader-elect=%t", c.Elected), "--secure-port=0", "--profiling=false",
		"--use-service-account-credentials=true",
		"--service-account-private-key-file=" + f.Path("service.key"),
		"--root-ca-file=" + f.Path("server-ca.crt"),
		// A signer of its own for each name, as in k3s. It takes one certificate, not a chain.
		"--cluster-signing-kube-apiserver-client-cert-file=" + f.Path("client-ca.nochain.crt"),
		"--cluster-signing-kube-apiserver-client-key-file=" + f.Path("client-ca.key"),
		"--cluster-signing-kubelet-client-cert-file=" + f.Path("client-ca.nochain.crt"),
		"--cluster-signing-kubelet-client-key-file=" + f.Path("client-ca.key"),
		"--cluster-signing-kubelet-serving-cert-file=" + f.Path("server-ca.nochain.crt"),
		"--cluster-signing-kubelet-serving-key-file=" + f.Path("server-ca.key"),
		"--cluster-signing-legacy-unknown-cert-file=" + f.Path("server-ca.nochain.crt"),
		"--cluster-signing-legacy-unknown-key-file=" + f.Path("server-ca.key"),
		"--controllers=*,tokencleaner",
		"--allocate-node-cidrs=true",
		"--cluster-cidr=" + c.ClusterCIDR,
		"--service-cluster-ip-range=" + c.ServiceCIDR,
		// The default limits cost seconds of start-up, and the API server is in this process.
		"--kube-api-qps=2000", "--kube-api-burst=2000",
	}, c.ExtraArgs)
}
