package nodepassword

import (
	"context"
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

func check(t *testing.T, k Keeper, node, password string, want error) {
	t.Helper()
	if err := k.Check(t.Context(), node, password); !errors.Is(err, want) {
		t.Errorf("%s: error %v, want %v", node, err, want)
	}
}

func node(name string) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func TestANameBelongsToItsFirstPassword(t *testing.T) {
	k := Keeper{Client: fake.NewClientset()}
	check(t, k, "a", "first", nil)
	check(t, k, "a", "first", nil)
	check(t, k, "a", "second", ErrRejected)
	check(t, k, "b", "second", nil)
}

func TestThePasswordItselfIsNotStored(t *testing.T) {
	k := Keeper{Client: fake.NewClientset()}
	check(t, k, "a", "first", nil)
	secret, err := k.Client.CoreV1().Secrets("kube-system").Get(t.Context(), "a.node-password.k3s", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if hash := string(secret.Data["hash"]); len(hash) < 80 || hash[:3] != "$1:" {
		t.Errorf("hash %q", hash)
	}
}

func TestADamagedHashIsNoWayIn(t *testing.T) {
	k := Keeper{Client: fake.NewClientset(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "a.node-password.k3s", Namespace: "kube-system"},
		Data:       map[string][]byte{"hash": []byte("first")},
	})}
	if err := k.Check(t.Context(), "a", "first"); err == nil {
		t.Error("want an error")
	}
}

func TestPasswordsWithoutANodeAreForgottenAtStart(t *testing.T) {
	other := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "other", Namespace: "kube-system"}}
	k := Keeper{Client: fake.NewClientset(node("kept"), other)}
	check(t, k, "kept", "first", nil)
	check(t, k, "gone", "first", nil)
	if err := k.ForgetOrphans(t.Context()); err != nil {
		t.Fatal(err)
	}
	check(t, k, "kept", "second", ErrRejected)
	check(t, k, "gone", "second", nil)
	if _, err := k.Client.CoreV1().Secrets("kube-system").Get(t.Context(), "other", metav1.GetOptions{}); err != nil {
		t.Errorf("another secret: %v", err)
	}
}

func TestDeletingTheNodeFreesItsName(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	client := fake.NewClientset(node("a"))
	k := Keeper{Client: client}
	check(t, k, "a", "first", nil)
	// The fake keeps nothing for a watch that is not open yet.
	open := make(chan struct{})
	client.PrependWatchReactor("nodes", func(action clienttesting.Action) (bool, watch.Interface, error) {
		opened, err := client.Tracker().Watch(action.GetResource(), action.GetNamespace())
		close(open)
		return true, opened, err
	})
	if err := k.Watch(ctx); err != nil {
		t.Fatal(err)
	}
	<-open
	if err := k.Client.CoreV1().Nodes().Delete(ctx, "a", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	for {
		_, err := k.Client.CoreV1().Secrets("kube-system").Get(ctx, "a.node-password.k3s", metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return
		}
		if ctx.Err() != nil {
			t.Fatal("the password is still there")
		}
		time.Sleep(10 * time.Millisecond)
	}
}
