package server

import (
	"context"
	"fmt"
	"time"

	"github.com/sirupsen/logrus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"

	"k3s-aws/localcloud/k3s-standin/internal/agent"
	"k3s-aws/localcloud/k3s-standin/internal/config"
	"k3s-aws/localcloud/k3s-standin/internal/node"
	"k3s-aws/localcloud/k3s-standin/internal/token"
)

const labelEvery = time.Second

// runNode joins this machine as any agent joins. Its network does not notify systemd: the server has.
func (s *server) runNode(ctx context.Context) error {
	secret, err := token.Format("node", s.files.agent, s.files.serverCA.PEM)
	if err != nil {
		return err
	}
	joined := &config.Agent{Node: s.config.Node, URL: localURL(s.config), Token: secret}
	return agent.Join(ctx, joined, nil, func() error { return nil })
}

// labelNode gives this machine's node the server's label, which a node may not give itself.
func (s *server) labelNode(ctx context.Context) error {
	name := s.config.Name
	patch := []byte(fmt.Sprintf(`{"metadata":{"labels":{%q:"true"}}}`, node.ControlPlaneLabel))
	return wait.PollUntilContextCancel(ctx, labelEvery, true, func(ctx context.Context) (bool, error) {
		_, err := s.client.CoreV1().Nodes().Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
		if err != nil {
			logrus.Infof("Unable to set control-plane role label: %v", err)
			return false, nil
		}
		logrus.Infof("Labels and annotations have been set successfully on node: %s", name)
		return true, nil
	})
}
