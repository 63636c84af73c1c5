package cli

import (
	"os"
	"strings"

	"github.com/sirupsen/logrus"
	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"

	"k3s-aws/localcloud/k3s-standin/internal/config"
)

// kubectl runs the real one and ends the process when that fails; without another kubeconfig it connects to this machine's server.
func kubectl(args []string, paths config.Paths) {
	if os.Getenv("KUBECONFIG") == "" && !namesKubeconfig(args) {
		useLocalServer(paths.Kubeconfig)
	}
	os.Args = append([]string{"kubectl"}, args...)
	if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
		util.CheckErr(err)
	}
}

func namesKubeconfig(args []string) bool {
	for _, argument := range args {
		if argument == "--" {
			return false
		}
		if argument == "--kubeconfig" || strings.HasPrefix(argument, "--kubeconfig=") {
			return true
		}
	}
	return false
}

func useLocalServer(file string) {
	readable, err := os.Open(file)
	if err != nil {
		if os.IsPermission(err) {
			logrus.Warnf("Unable to read %s, please start server with --write-kubeconfig-mode or "+
				"--write-kubeconfig-group to modify kube config permissions", file)
		}
		return
	}
	readable.Close()
	if err := os.Setenv("KUBECONFIG", file); err != nil {
		logrus.Warnf("KUBECONFIG: %v", err)
	}
}
