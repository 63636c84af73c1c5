// Command k3s is a stand-in for k3s: a real Kubernetes control plane with nodes that run no containers.
package main

import (
	"os"

	"k3s-aws/localcloud/k3s-standin/internal/cli"
	"k3s-aws/localcloud/k3s-standin/internal/config"
)

func main() {
	os.Exit(cli.Main(os.Args, config.DefaultPaths()))
}
