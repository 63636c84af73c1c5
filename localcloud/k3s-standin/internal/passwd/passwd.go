// Package passwd owns the file in which k3s keeps who may join: one line `password,name,name,role` each.
package passwd

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// Users of a server. k3s has no others.
const (
	Server = "server"
	Node   = "node"
)

var roles = map[string]string{Server: "k3s:server", Node: "k3s:agent"}

// File holds the passwords of a file and whether they were changed since.
type File struct {
	path      string
	passwords map[string]string
	changed   bool
}

// Read takes a file that is missing for an empty one.
func Read(path string) (*File, error) {
	f := &File{path: path, passwords: map[string]string{}}
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, err
	}
	records, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, record := range records {
		if len(record) < 2 {
			return nil, fmt.Errorf("%s: a line needs a password and a name", path)
		}
		f.passwords[record[1]] = record[0]
	}
	return f, nil
}

// Password is empty for a user that is not there.
func (f *File) Password(user string) string { return f.passwords[user] }

// Set gives a user a password.
func (f *File) Set(user, password string) {
	f.changed = f.changed || f.passwords[user] != password
	f.passwords[user] = password
}

// Write replaces the file in one step, and leaves one alone that says the same already: its age is
// compared with the datastore's at the next start.
func (f *File) Write() error {
	if !f.changed {
		return nil
	}
	var text bytes.Buffer
	lines := csv.NewWriter(&text)
	users := []string{}
	for user := range f.passwords {
		users = append(users, user)
	}
	slices.Sort(users)
	for _, user := range users {
		if err := lines.Write([]string{f.passwords[user], user, user, roles[user]}); err != nil {
			return err
		}
	}
	lines.Flush()
	if err := os.WriteFile(f.path+".tmp", text.Bytes(), 0o600); err != nil {
		return err
	}
	f.changed = false
	return os.Rename(f.path+".tmp", f.path)
}
