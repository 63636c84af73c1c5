package server

import (
	"strings"
	"testing"

	"k3s-aws/localcloud/k3s-standin/internal/config"
)

// TestARestoreIntoAnEmptyFolderNeedsTheTokenItself as k3s 1.36.3 does: a token of token-file does not count.
func TestARestoreIntoAnEmptyFolderNeedsTheTokenItself(t *testing.T) {
	c := &config.Server{}
	c.DataDir, c.Token, c.RestorePath = t.TempDir(), "of-a-file", "/missing"
	files, err := newFiles(c)
	if err != nil {
		t.Fatal(err)
	}
	err = reset(t.Context(), c, files, nil)
	want := files.path("token") + " does not exist, please pass --token to complete the restoration"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v", err)
	}
}
