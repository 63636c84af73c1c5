package server

import (
	"fmt"
	"io/fs"
	"net"
	"strconv"

	"github.com/sirupsen/logrus"

	"k3s-aws/localcloud/k3s-standin/internal/config"
	"k3s-aws/localcloud/k3s-standin/internal/kubeconfig"
)

func (f *files) kubeconfigs(c *config.Server) error {
	for _, who := range []string{"admin", "controller", "scheduler"} {
		access, err := f.access(c, who)
		if err != nil {
			return err
		}
		if err := access.Write(f.path("cred", who+".kubeconfig"), 0o600); err != nil {
			return err
		}
		if who != "admin" {
			continue
		}
		if err := access.Write(c.Kubeconfig, kubeconfigMode(c)); err != nil {
			return fmt.Errorf("write-kubeconfig: %w", err)
		}
	}
	return nil
}

// kubeconfigMode: k3s logs an invalid one, and starts.
func kubeconfigMode(c *config.Server) fs.FileMode {
	const private = 0o600
	if c.KubeconfigMode == "" {
		return private
	}
	mode, err := strconv.ParseInt(c.KubeconfigMode, 8, 0)
	if err != nil {
		logrus.Errorf("Failed to set %s to mode %s: %v", c.Kubeconfig, fs.FileMode(mode), err)
		return private
	}
	return fs.FileMode(mode)
}

func (f *files) access(c *config.Server, who string) (kubeconfig.Access, error) {
	return kubeconfig.Read(localURL(c), f.serverCA.PEM, f.tls.Path("client-"+who+".crt"), f.tls.Path("client-"+who+".key"))
}

// localURL is how this machine reaches its own server.
func localURL(c *config.Server) string {
	host := "127.0.0.1"
	if ip := net.ParseIP(c.BindAddress); ip != nil && !ip.IsUnspecified() {
		host = ip.String()
	}
	return "https://" + net.JoinHostPort(host, fmt.Sprint(c.Port))
}
