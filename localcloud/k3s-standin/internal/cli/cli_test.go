package cli

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"k3s-aws/localcloud/k3s-standin/internal/shutdown"
)

func TestAnEndIsLoggedAndHasTheExitStatusOfK3s(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		logged string
	}{
		{nil, 0, ""},
		{fmt.Errorf("agent: %w", context.Canceled), 0, ""},
		{errors.New("--token is required"), 1, "fatal Error: --token is required"},
		{shutdown.Because(errors.New("kubelet exited: x")), 0, `error Shutdown request received: "kubelet exited: x"`},
		{fmt.Errorf("node: %w", shutdown.Because(nil)), 0, "info Shutdown request received"},
	} {
		hook := logtest.NewGlobal()
		status := status(c.err)
		logrus.StandardLogger().ReplaceHooks(logrus.LevelHooks{})
		var logged string
		if entry := hook.LastEntry(); entry != nil {
			logged = entry.Level.String() + " " + entry.Message
		}
		if status != c.status || logged != c.logged {
			t.Errorf("%v: %d %q, want %d %q", c.err, status, logged, c.status, c.logged)
		}
	}
}
