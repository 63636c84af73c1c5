package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"k3s-aws/localcloud/k3s-standin/internal/config"
	"k3s-aws/localcloud/k3s-standin/internal/join"
)

const rotateWarning = "\033[33mWARNING\033[0m: Recommended to keep a record of the old token. " +
	"If restoring from a snapshot, you must use the token associated with that snapshot."

// token is `k3s token rotate`; it reads no configuration file, as k3s's does not.
func token(ctx context.Context, args []string, env func(string) string, paths config.Paths) error {
	if len(args) == 0 || args[0] != "rotate" {
		return errors.New("of token, this stand-in for k3s has only rotate")
	}
	flags := flag.NewFlagSet("token rotate", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	var secret, url, newToken string
	for _, name := range []string{"token", "t"} {
		flags.StringVar(&secret, name, env("K3S_TOKEN"), "")
	}
	for _, name := range []string{"server", "s"} {
		flags.StringVar(&url, name, orElse(env("K3S_URL"), "https://127.0.0.1:6443"), "")
	}
	flags.StringVar(&newToken, "new-token", "", "")
	for _, accepted := range []string{"data-dir", "d", "kubeconfig"} {
		flags.String(accepted, "", "")
	}
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q to k3s token rotate", flags.Arg(0))
	}
	if secret == "" {
		raw, err := os.ReadFile(filepath.Join(paths.DataDir, "server", "token"))
		if err != nil {
			return err
		}
		secret = strings.TrimSpace(string(raw))
	}
	fmt.Println(rotateWarning)
	if err := join.Rotate(ctx, url, secret, newToken); err != nil {
		return err
	}
	fmt.Println("Token rotated, restart k3s nodes with new token")
	return nil
}

func orElse(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}
