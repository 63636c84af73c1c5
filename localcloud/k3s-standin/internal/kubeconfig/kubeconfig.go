// Package kubeconfig writes kubeconfig files with everything embedded, named `default` as k3s does.
package kubeconfig

import (
	"os"
	"path/filepath"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Access is how somebody reaches the API.
type Access struct {
	URL         string
	CA          []byte
	Certificate []byte
	Key         []byte
}

// RestConfig is the same for a client in this process.
func (a Access) RestConfig() *rest.Config {
	return &rest.Config{Host: a.URL, TLSClientConfig: rest.TLSClientConfig{
		CAData: a.CA, CertData: a.Certificate, KeyData: a.Key,
	}}
}

// Read takes a client certificate and its key from files.
func Read(url string, ca []byte, certFile, keyFile string) (Access, error) {
	certificate, err := os.ReadFile(certFile)
	if err != nil {
		return Access{}, err
	}
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return Access{}, err
	}
	return Access{URL: url, CA: ca, Certificate: certificate, Key: key}, nil
}

// Write replaces the file in one step, so that nobody reads half of it.
func (a Access) Write(path string, mode os.FileMode) error {
	const name = "default"
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: a.URL, CertificateAuthorityData: a.CA}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{ClientCertificateData: a.Certificate, ClientKeyData: a.Key}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	text, err := clientcmd.Write(*config)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return replace(path, text, mode)
}

func replace(path string, text []byte, mode os.FileMode) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(text)
	if closing := file.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return err
	}
	if err := os.Chmod(file.Name(), mode); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
