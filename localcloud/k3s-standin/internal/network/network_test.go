package network

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
)

// heartbeat puts a status on a node, with a time in whole seconds as the API server stores it.
func heartbeat(t *testing.T, client kubernetes.Interface, status corev1.ConditionStatus) {
	t.Helper()
	node, err := client.CoreV1().Nodes().Get(t.Context(), "a", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	node.Status.Conditions = []corev1.NodeCondition{{
		Type: corev1.NodeReady, Status: status, LastHeartbeatTime: metav1.NewTime(time.Now().Truncate(time.Second)),
	}}
	if _, err := client.CoreV1().Nodes().UpdateStatus(t.Context(), node, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func newNetwork(t *testing.T) Network {
	t.Helper()
	client := fake.NewClientset(&corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "a"}, Spec: corev1.NodeSpec{PodCIDR: "10.42.1.0/24"},
	})
	heartbeat(t, client, corev1.ConditionTrue)
	return Network{Client: client, Node: "a", Backend: "vxlan"}
}

// started starts a network and gives how long that took, and its error.
func (n Network) started(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	err := n.Start(ctx)
	return time.Since(began), err
}

func TestThePolicyControllerWaitsForTheHeartbeatAfterItsStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		time.AfterFunc(5*time.Minute, func() { heartbeat(t, n.Client, corev1.ConditionTrue) })
		took, err := n.started(t.Context())
		if err != nil || took < 5*time.Minute || took > 5*time.Minute+policyEvery {
			t.Errorf("%v after %s", err, took)
		}
	})
}

func TestANodeThatIsNotReadyIsNotEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		time.AfterFunc(time.Minute, func() { heartbeat(t, n.Client, corev1.ConditionFalse) })
		time.AfterFunc(2*time.Minute, func() { heartbeat(t, n.Client, corev1.ConditionTrue) })
		if took, err := n.started(t.Context()); err != nil || took < 2*time.Minute {
			t.Errorf("%v after %s", err, took)
		}
	})
}

func TestThePolicyControllerWaitsForAQuarterOfAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		took, err := newNetwork(t).started(t.Context())
		const want = "network policy controller failed to wait for node.cloudprovider.kubernetes.io/uninitialized " +
			"taint to be removed from Node a: context deadline exceeded"
		if err == nil || err.Error() != want || took != 15*time.Minute+flannelStart {
			t.Errorf("%v after %s", err, took)
		}
	})
}

func TestWithoutThePolicyControllerNothingIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		n.DisablePolicy = true
		if took, err := n.started(t.Context()); err != nil || took != 0 {
			t.Errorf("%v after %s", err, took)
		}
	})
}

func TestTheNetworkWaitsForTheAddressesOfPodsUnlessThereIsNoBackend(t *testing.T) {
	for backend, want := range map[string]time.Duration{"vxlan": time.Minute, "none": 0} {
		synctest.Test(t, func(t *testing.T) {
			client := fake.NewClientset(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a"}})
			time.AfterFunc(time.Minute, func() {
				node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Spec: corev1.NodeSpec{PodCIDR: "10.42.1.0/24"}}
				if _, err := client.CoreV1().Nodes().Update(t.Context(), node, metav1.UpdateOptions{}); err != nil {
					t.Error(err)
				}
			})
			n := Network{Client: client, Node: "a", Backend: backend, DisablePolicy: true}
			if took, err := n.started(t.Context()); err != nil || took < want || took > want+addressesEvery {
				t.Errorf("%s: %v after %s, want %s", backend, err, took, want)
			}
			time.Sleep(2 * time.Minute)
		})
	}
}

func TestAnUnknownBackendIsRefusedUnlessAFileConfiguresIt(t *testing.T) {
	for _, backend := range []string{"ipsec", ""} {
		n := newNetwork(t)
		n.Backend, n.DisablePolicy = backend, true
		if err := n.Start(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "Cannot configure unknown flannel backend '"+backend) {
			t.Errorf("%q: %v", backend, err)
		}
		n.BackendConf = "/etc/flannel.json"
		if err := n.Start(t.Context()); err != nil {
			t.Errorf("%q: %v", backend, err)
		}
	}
}

func TestAnEndMeanwhileIsNoFailureOfTheNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, cancel)
		if _, err := newNetwork(t).started(ctx); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}
