// Package cli is the command line of the stand-in.
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
	"strings"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/sirupsen/logrus"
	"github.com/urfave/cli/v2"
	"k8s.io/klog/v2"

	"k3s-aws/localcloud/k3s-standin/internal/agent"
	"k3s-aws/localcloud/k3s-standin/internal/config"
	"k3s-aws/localcloud/k3s-standin/internal/server"
	"k3s-aws/localcloud/k3s-standin/internal/shutdown"
	"k3s-aws/localcloud/k3s-standin/internal/version"
)

// shutdownLimit ends a shutdown that hangs; the datastore survives it as it survives a kill.
const shutdownLimit = 4500 * time.Millisecond

// Main runs one command and gives the process's exit status.
func Main(args []string, paths config.Paths) int {
	if filepath.Base(args[0]) == "kubectl" {
		kubectl(args[1:], paths)
		return 0
	}
	return status(run(args, paths))
}

// run parses twice, as k3s does: its first program parses the arguments alone, the program that it starts
// then parses them together with the values of the configuration files.
func run(args []string, paths config.Paths) error {
	withFiles := func(*cli.Context) error {
		all, err := config.Arguments(args, paths.ConfigFile)
		if err != nil {
			logrus.Fatal(err) // k3s has no "Error:" before it
		}
		as := func(action cli.ActionFunc) cli.ActionFunc { return action }
		return newApp(paths, actions{server: runServer(paths), agent: runAgent(paths), snapshot: as}).Run(all)
	}
	first := func(cli.ActionFunc) cli.ActionFunc { return withFiles }
	return newApp(paths, actions{server: withFiles, agent: withFiles, snapshot: first}).Run(args)
}

// status logs what ended a command, at the level and with the exit status of k3s.
func status(err error) int {
	var requested *shutdown.Request
	switch {
	case err == nil || errors.Is(err, context.Canceled):
		return 0
	case errors.As(err, &requested) && requested.Cause == nil:
		logrus.Info("Shutdown request received")
		return 0
	case errors.As(err, &requested):
		logrus.Errorf("Shutdown request received: %q", requested.Cause)
		return 0
	}
	// Log does not exit, unlike Fatal, and writes the level that k3s writes.
	logrus.StandardLogger().Logf(logrus.FatalLevel, "Error: %v", err)
	return 1
}

func runServer(paths config.Paths) cli.ActionFunc {
	return interruptible(func(c *cli.Context) error {
		settings, err := config.NewServer(c, paths, config.ThisHost())
		if err != nil {
			return err
		}
		setUpLogs(c, settings.Log)
		return server.Run(c.Context, settings)
	})
}

func runAgent(paths config.Paths) cli.ActionFunc {
	return interruptible(func(c *cli.Context) error {
		settings, err := config.NewAgent(c, paths, config.ThisHost())
		if err != nil {
			return err
		}
		setUpLogs(c, settings.Log)
		logrus.Infof("Starting k3s agent %s (a stand-in for k3s: nodes run no containers)", version.Kubernetes)
		return agent.Run(c.Context, settings, notify)
	})
}

// notify sends READY=1 where systemd started this process.
func notify() error {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return nil
	}
	logrus.Info("k3s agent is up and running")
	_, err := daemon.SdNotify(false, daemon.SdNotifyReady)
	return err
}

// interruptible runs a command until it fails or a signal ends it; a second signal, or a shutdown that
// hangs, ends the process.
func interruptible(action cli.ActionFunc) cli.ActionFunc {
	return func(c *cli.Context) error {
		ctx, stop := signal.NotifyContext(c.Context, syscall.SIGTERM, syscall.SIGINT)
		defer stop()
		context.AfterFunc(ctx, func() {
			stop()
			time.AfterFunc(shutdownLimit, func() {
				logrus.Warnf("Shutdown took longer than %s; the process ends without the rest of it", shutdownLimit)
				os.Exit(0)
			})
		})
		c.Context = ctx
		return action(c)
	}
}

func setUpLogs(c *cli.Context, log config.Log) {
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
	if inert := config.Inert(c); len(inert) > 0 {
		logrus.Warnf("This stand-in for k3s accepts and does not act upon: %s", strings.Join(inert, ", "))
	}
}

// refuse is the action of a command that exists in k3s only.
func refuse(why string) cli.ActionFunc {
	return func(*cli.Context) error { return errors.New(why) }
}

func unavailable(name string) *cli.Command {
	return &cli.Command{
		Name: name, Usage: "not available here", SkipFlagParsing: true,
		Action: refuse(fmt.Sprintf("%s is not available in this stand-in for k3s", name)),
	}
}
