package config

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
)

func newNode(c *cli.Context, paths Paths, host Host) (Node, error) {
	n := Node{
		Labels: c.StringSlice("node-label"), Taints: c.StringSlice("node-taint"),
		KubeletArgs: c.StringSlice("kubelet-arg"), FlannelConf: c.String("flannel-conf"),
		ExternalIPs:  split(c.StringSlice("node-external-ip")),
		PasswordFile: filepath.Join(paths.NodeDir, "password"),
		Registries:   or(c.String("private-registry"), paths.Registries),
		Log:          Log{Debug: c.Bool("debug"), Verbosity: strconv.Itoa(c.Int("v"))},
	}
	var err error
	if n.DataDir, err = dataDir(c.String("data-dir"), paths.DataDir); err != nil {
		return n, err
	}
	if n.IPs, err = addresses("node-ip", split(c.StringSlice("node-ip"))); err != nil {
		return n, err
	}
	if len(n.IPs) == 0 {
		n.IPs = []net.IP{host.Address()}
	}
	n.Name, err = nodeName(c, paths, host)
	return n, err
}

func or(given, otherwise string) string {
	if given == "" {
		return otherwise
	}
	return given
}

// ParsedExternalIPs are the external addresses, or the error with which k3s does not join.
func (n Node) ParsedExternalIPs() ([]net.IP, error) {
	return addresses("node-external-ip", n.ExternalIPs)
}

// nodeName is not checked: k3s starts with any name, and the API server does not take the Node.
func nodeName(c *cli.Context, paths Paths, host Host) (string, error) {
	name := c.String("node-name")
	if name == "" {
		var err error
		if name, err = host.Name(); err != nil {
			return "", err
		}
	}
	name = strings.ToLower(name)
	if c.Bool("with-node-id") {
		id, err := host.NodeID(filepath.Join(paths.NodeDir, "id"))
		if err != nil {
			return "", err
		}
		name += "-" + id
	}
	return name, nil
}

// dataDir resolves the names of the home folder that k3s resolves, anywhere in the path.
func dataDir(given, otherwise string) (string, error) {
	if given == "" {
		given = otherwise
	}
	for _, name := range []string{"$HOME", "${HOME}", "~"} {
		if !strings.Contains(given, name) {
			continue
		}
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("resolving %s: determining current user: %w", given, err)
		}
		given = strings.ReplaceAll(given, name, home)
	}
	return filepath.Abs(given)
}

// split takes each value apart at its commas. As in k3s, spaces beside a comma stay.
func split(values []string) []string {
	var all []string
	for _, value := range values {
		all = append(all, strings.Split(value, ",")...)
	}
	return all
}

func addresses(flag string, values []string) ([]net.IP, error) {
	var all []net.IP
	for _, value := range values {
		ip := net.ParseIP(value)
		if ip == nil {
			return nil, fmt.Errorf("invalid %s: invalid ip format '%s'", flag, value)
		}
		all = append(all, ip)
	}
	return all, nil
}

// firstAddress is the first valid one, or empty.
func firstAddress(values []string) string {
	for _, value := range values {
		if net.ParseIP(value) != nil {
			return value
		}
	}
	return ""
}
