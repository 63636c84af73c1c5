package cli

import (
	"fmt"
	"runtime"

	"github.com/urfave/cli/v2"

	"k3s-aws/localcloud/k3s-standin/internal/config"
	"k3s-aws/localcloud/k3s-standin/internal/version"
)

// actions are those of the commands that have a configuration.
type actions struct {
	server, agent cli.ActionFunc
	snapshot      func(cli.ActionFunc) cli.ActionFunc
}

// newApp is the command line for the library with which k3s parses it too.
func newApp(paths config.Paths, does actions) *cli.App {
	cli.VersionPrinter = func(c *cli.Context) {
		fmt.Printf("%s version %s\ngo version %s\n", c.App.Name, c.App.Version, runtime.Version())
	}
	app := cli.NewApp()
	app.Name = "k3s"
	app.Usage = "a stand-in for k3s: a real Kubernetes control plane whose nodes run no containers"
	app.Version = version.Kubernetes + " (standin)"
	app.Flags = config.GlobalFlags()
	app.DisableSliceFlagSeparator = true
	app.Commands = []*cli.Command{
		{Name: "server", Usage: "Run management server", Flags: config.Flags(config.ServerRole), Action: does.server},
		{Name: "agent", Usage: "Run node agent", Flags: config.Flags(config.AgentRole), Action: does.agent},
		{Name: "kubectl", Usage: "Run kubectl", SkipFlagParsing: true, Action: func(c *cli.Context) error {
			kubectl(c.Args().Slice(), paths)
			return nil
		}},
		tokenCommand(paths),
		snapshotCommand(paths, does.snapshot),
	}
	for _, name := range []string{"certificate", "check-config", "completion", "crictl", "ctr", "secrets-encrypt"} {
		app.Commands = append(app.Commands, unavailable(name))
	}
	return app
}
