package version

import (
	"os"
	"strings"
	"testing"
)

func TestTheBuildLineHasTheSameVersion(t *testing.T) {
	script, err := os.ReadFile("../../build.sh")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(script), "version="+Kubernetes+"\n") {
		t.Errorf("build.sh does not set %s", Kubernetes)
	}
}
