package join

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net/http"

	"k3s-aws/localcloud/k3s-standin/internal/supervisor"
)

// Servers asks where the API servers of the cluster are, each as host and port.
func (c *Cluster) Servers(ctx context.Context, held ...tls.Certificate) (servers []string, err error) {
	status, body, err := c.ask(ctx, held, http.MethodGet, "/v1-k3s/apiservers", nil, nil)
	if err := c.told(status, body, err); err != nil {
		return nil, err
	}
	return servers, json.Unmarshal(body, &servers)
}

// Rotate gives the server at a URL another token.
func Rotate(ctx context.Context, url, secret, newToken string) error {
	c, err := validate(ctx, url, secret, nil)
	if err != nil {
		return err
	}
	c.user = "server"
	body, err := json.Marshal(supervisor.RotateRequest{NewToken: &newToken})
	if err != nil {
		return err
	}
	return c.told(c.ask(ctx, nil, http.MethodPut, "/v1-k3s/token", nil, body))
}
