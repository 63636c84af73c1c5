// Package cli is the command line of the stand-in: it finds the subcommand and ends well.
package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/sirupsen/logrus"
	"k8s.io/klog/v2"

	"k3s-aws/localcloud/k3s-standin/internal/agent"
	"k3s-aws/localcloud/k3s-standin/internal/config"
	"k3s-aws/localcloud/k3s-standin/internal/server"
	"k3s-aws/localcloud/k3s-standin/internal/version"
)

// shutdownLimit ends a shutdown that hangs; the datastore survives it as it survives a kill.
const shutdownLimit = 4500 * time.Millisecond

const usage = `k3s is a stand-in for k3s: a real Kubernetes control plane whose nodes run no containers.

  k3s server [flags]      run the control plane, and a node
  k3s agent [flags]       run a node that joins a server
  k3s kubectl ...         run kubectl against this machine's server
  k3s token rotate        give the server another token
  k3s --version
`

// Main runs one command and gives the process's exit status.
func Main(args []string, env func(string) string, paths config.Paths) int {
	if filepath.Base(args[0]) == "kubectl" {
		return kubectl(args[1:], env, paths)
	}
	name := ""
	if len(args) > 1 {
		name = args[1]
	}
	switch name {
	case "server":
		return service(func(ctx context.Context) error { return runServer(ctx, args[2:], env, paths) })
	case "agent":
		return service(func(ctx context.Context) error { return runAgent(ctx, args[2:], env, paths) })
	case "kubectl":
		return kubectl(args[2:], env, paths)
	case "token":
		return service(func(ctx context.Context) error { return token(ctx, args[2:], env, paths) })
	case "--version", "-v", "version":
		fmt.Printf("k3s version %s (standin)\ngo version %s\n", version.Kubernetes, runtime.Version())
		return 0
	case "", "help", "--help", "-h":
		fmt.Print(usage)
		return 0
	case "etcd-snapshot":
		return refuse("etcd-snapshot is not available: this stand-in keeps its data in SQLite, not in etcd")
	case "certificate", "secrets-encrypt", "crictl", "ctr", "check-config", "completion":
		return refuse(fmt.Sprintf("%s is not available in this stand-in for k3s", name))
	}
	return refuse(fmt.Sprintf("No help topic for '%s'", name))
}

func refuse(why string) int {
	fmt.Fprintln(os.Stderr, "k3s:", why)
	return 1
}

func runServer(ctx context.Context, args []string, env func(string) string, paths config.Paths) error {
	values, err := config.Load(config.ServerCommand, args, env, paths.ConfigFile)
	if err != nil {
		return err
	}
	settings, err := config.NewServer(values, paths, config.ThisHost())
	if err != nil {
		return err
	}
	setUpLogs(settings.Log, values.Notes)
	return server.Run(ctx, settings)
}

func runAgent(ctx context.Context, args []string, env func(string) string, paths config.Paths) error {
	values, err := config.Load(config.AgentCommand, args, env, paths.ConfigFile)
	if err != nil {
		return err
	}
	settings, err := config.NewAgent(values, paths, config.ThisHost())
	if err != nil {
		return err
	}
	setUpLogs(settings.Log, values.Notes)
	logrus.Infof("Starting k3s agent %s (a stand-in for k3s: nodes run no containers)", version.Kubernetes)
	return agent.Run(ctx, settings, func(context.Context) error {
		logrus.Info("k3s agent is up and running")
		_, err := daemon.SdNotify(false, daemon.SdNotifyReady)
		return err
	})
}

// service runs until it fails or is told to stop; a second signal, or a hanging shutdown, ends it.
func service(run func(context.Context) error) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, func() {
		stop()
		time.AfterFunc(shutdownLimit, func() {
			logrus.Warnf("Shutdown took longer than %s; leaving the rest", shutdownLimit)
			os.Exit(0)
		})
	})
	err := run(ctx)
	if err != nil && !errors.Is(err, context.Canceled) {
		// Log does not exit, unlike Fatal, and writes the level that k3s writes.
		logrus.StandardLogger().Logf(logrus.FatalLevel, "Error: %v", err)
		return 1
	}
	return 0
}

func setUpLogs(log config.Log, notes []string) {
	logrus.SetFormatter(&logrus.TextFormatter{DisableColors: true, FullTimestamp: true})
	if log.Debug {
		logrus.SetLevel(logrus.DebugLevel)
	}
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	klog.InitFlags(flags)
	if err := flags.Set("v", log.Verbosity); err != nil {
		logrus.Warnf("v: %v", err)
	}
	for _, note := range notes {
		logrus.Warn(note)
	}
}
