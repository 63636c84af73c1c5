package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"k3s-aws/localcloud/k3s-standin/internal/config"
	"k3s-aws/localcloud/k3s-standin/internal/join"
)

const rotateWarning = "\033[33mWARNING\033[0m: Recommended to keep a record of the old token. " +
	"If restoring from a snapshot, you must use the token associated with that snapshot."

// tokenCommand is `k3s token`. It reads no configuration file, as in k3s.
func tokenCommand(paths config.Paths) *cli.Command {
	command := &cli.Command{Name: "token", Usage: "Manage tokens", Subcommands: []*cli.Command{{
		Name: "rotate", Usage: "Rotate original server token with a new server token",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "data-dir", Aliases: []string{"d"}},
			&cli.StringFlag{Name: "kubeconfig"},
			&cli.StringFlag{Name: "token", Aliases: []string{"t"}, EnvVars: []string{"K3S_TOKEN"}},
			&cli.StringFlag{Name: "server", Aliases: []string{"s"}, EnvVars: []string{"K3S_URL"}, Value: "https://127.0.0.1:6443"},
			&cli.StringFlag{Name: "new-token"},
		},
		Action: interruptible(func(c *cli.Context) error { return rotate(c, paths) }),
	}}}
	for _, name := range []string{"create", "delete", "generate", "list"} {
		command.Subcommands = append(command.Subcommands, unavailable(name))
	}
	return command
}

func rotate(c *cli.Context, paths config.Paths) error {
	fmt.Println(rotateWarning)
	secret := c.String("token")
	if secret == "" {
		text, err := os.ReadFile(filepath.Join(paths.DataDir, "server", "token"))
		if err != nil {
			return err
		}
		secret = strings.TrimSpace(string(text))
	}
	if err := join.Rotate(c.Context, c.String("server"), secret, c.String("new-token")); err != nil {
		return err
	}
	fmt.Println("Token rotated, restart k3s nodes with new token")
	return nil
}
