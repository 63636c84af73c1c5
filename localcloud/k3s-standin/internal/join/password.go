package join

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ensurePassword reads the machine's node password, or makes it at the first join.
func ensurePassword(file string) (string, error) {
	raw, err := os.ReadFile(file)
	if err == nil && strings.TrimSpace(string(raw)) == "" {
		return "", fmt.Errorf("%s is empty; remove it and start again", file)
	}
	if err == nil {
		return strings.TrimSpace(string(raw)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	random := make([]byte, 16)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return "", err
	}
	password := hex.EncodeToString(random)
	return password, os.WriteFile(file, []byte(password+"\n"), 0o600)
}
