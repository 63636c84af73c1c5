// Package nodepassword remembers, in the cluster, which password a node name first joined with,
// so that no other machine can join under that name while its Node exists.
package nodepassword

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/crypto/scrypt"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

const (
	suffix  = ".node-password.k3s"
	hashKey = "hash"

	saltBytes = 8
	costLog2  = 15
	blockSize = 8
	parallel  = 1
	hashBytes = 64
)

// ErrRejected: the name is taken by a machine with another password.
var ErrRejected = errors.New("hash does not match")

// Keeper stores one secret per node name.
type Keeper struct {
	Client kubernetes.Interface
	// Grace is how young a password without a Node may be: that of a node which joins another server just now.
	Grace time.Duration
}

// Check accepts the password a name first came with and remembers that of a new name.
func (k Keeper) Check(ctx context.Context, node, password string) error {
	secrets := k.Client.CoreV1().Secrets(metav1.NamespaceSystem)
	known, err := secrets.Get(ctx, node+suffix, metav1.GetOptions{})
	if err == nil {
		return verify(string(known.Data[hashKey]), password)
	}
	if !apierrors.IsNotFound(err) {
		return err
	}
	hash, err := newHash(password)
	if err != nil {
		return err
	}
	immutable := true
	_, err = secrets.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: node + suffix},
		Immutable:  &immutable,
		Data:       map[string][]byte{hashKey: []byte(hash)},
	}, metav1.CreateOptions{})
	return err
}

// Registered is an error unless there is a Node of that name.
func (k Keeper) Registered(ctx context.Context, node string) error {
	_, err := k.Client.CoreV1().Nodes().Get(ctx, node, metav1.GetOptions{})
	return err
}

// ForgetOrphans removes the passwords of names without a Node. Only before any node may join here:
// a joining node has a password first and a Node a little later.
func (k Keeper) ForgetOrphans(ctx context.Context) error {
	secrets, err := k.Client.CoreV1().Secrets(metav1.NamespaceSystem).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, secret := range secrets.Items {
		node, ours := strings.CutSuffix(secret.Name, suffix)
		if !ours || time.Since(secret.CreationTimestamp.Time) < k.Grace {
			continue
		}
		err := k.Registered(ctx, node)
		if apierrors.IsNotFound(err) {
			err = k.Forget(ctx, node)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Watch frees a name as soon as its Node is deleted, until the context ends.
func (k Keeper) Watch(ctx context.Context) error {
	factory := informers.NewSharedInformerFactory(k.Client, 0)
	_, err := factory.Core().V1().Nodes().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		DeleteFunc: func(object any) {
			key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(object)
			if err == nil {
				err = k.Forget(ctx, key)
			}
			if err != nil && ctx.Err() == nil {
				logrus.Errorf("Failed to forget the node password of %s: %v", key, err)
			}
		},
	})
	if err != nil {
		return err
	}
	factory.Start(ctx.Done())
	return nil
}

// Forget frees a name.
func (k Keeper) Forget(ctx context.Context, node string) error {
	err := k.Client.CoreV1().Secrets(metav1.NamespaceSystem).Delete(ctx, node+suffix, metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// newHash gives `$<version>:<salt>:<cost>:<block>:<parallel>:<hash>`, the form k3s stores.
func newHash(password string) (string, error) {
	salt := make([]byte, saltBytes)
	if _, err := rand.Read(salt); err != nil {
		return "", err
	}
	derived, err := derive(password, salt)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("$%d:%x:%d:%d:%d:%s", 1, salt, costLog2, blockSize, parallel,
		base64.RawStdEncoding.EncodeToString(derived)), nil
}

func verify(hash, password string) error {
	parts := strings.Split(hash, ":")
	if len(parts) != 6 {
		return errors.New("the stored node password is damaged")
	}
	salt, err := hex.DecodeString(parts[1])
	if err != nil {
		return err
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil {
		return err
	}
	have, err := derive(password, salt)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(want, have) != 1 {
		return ErrRejected
	}
	return nil
}

func derive(password string, salt []byte) ([]byte, error) {
	return scrypt.Key([]byte(password), salt, 1<<costLog2, blockSize, parallel, hashBytes)
}
