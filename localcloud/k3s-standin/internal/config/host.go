package config

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	utilnet "k8s.io/apimachinery/pkg/util/net"
)

// Host gives what the configuration leaves out.
type Host struct {
	Name    func() (string, error)
	Address func() net.IP
	NodeID  func(file string) (string, error)
}

// ThisHost is the machine the program runs on.
func ThisHost() Host {
	return Host{Name: os.Hostname, Address: hostAddress, NodeID: ensureNodeID}
}

// hostAddress is the address of the default route's interface, else the first global one.
func hostAddress() net.IP {
	if ip, err := utilnet.ChooseHostInterface(); err == nil {
		return ip
	}
	all, _ := net.InterfaceAddrs()
	for _, address := range all {
		if network, ok := address.(*net.IPNet); ok && network.IP.IsGlobalUnicast() {
			return network.IP
		}
	}
	return net.IPv4(127, 0, 0, 1)
}

func ensureNodeID(file string) (string, error) {
	raw, err := os.ReadFile(file)
	if err == nil {
		return strings.TrimSpace(string(raw)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	id := make([]byte, 4)
	if _, err := rand.Read(id); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return "", err
	}
	text := hex.EncodeToString(id)
	return text, os.WriteFile(file, []byte(text+"\n"), 0o644)
}
