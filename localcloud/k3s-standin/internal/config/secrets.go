package config

import (
	"context"
	"os"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/urfave/cli/v2"
	"k8s.io/apimachinery/pkg/util/wait"
)

const (
	fileEvery   = 2 * time.Second
	fileTimeout = 4 * time.Minute
)

// secretOf is a flag's value, or the content of the file that its -file flag names: k3s prefers the file.
func secretOf(c *cli.Context, name string) (string, error) {
	if file := c.String(name + "-file"); file != "" {
		return awaitFile(c.Context, file)
	}
	return c.String(name), nil
}

// awaitFile waits some minutes for a file that does not exist, as k3s does.
func awaitFile(ctx context.Context, file string) (string, error) {
	var content string
	err := wait.PollUntilContextTimeout(ctx, fileEvery, fileTimeout, true, func(context.Context) (bool, error) {
		text, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			logrus.Infof("Waiting for file %q to be created\n", file)
			return false, nil
		}
		content = strings.TrimSpace(string(text))
		return err == nil, err
	})
	return content, err
}
