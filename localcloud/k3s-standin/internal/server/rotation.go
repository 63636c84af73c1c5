package server

import (
	"context"

	"k3s-aws/localcloud/k3s-standin/internal/passwd"
	"k3s-aws/localcloud/k3s-standin/internal/token"
)

// rotateToken gives the server another token, on disk and in the datastore. This process accepts the
// passwords of its start until it ends, as in k3s.
func (s *server) rotateToken(ctx context.Context, given string) error {
	s.rotating.Lock()
	defer s.rotating.Unlock()
	if given == "" {
		var err error
		if given, err = token.Random(); err != nil {
			return err
		}
	}
	password, err := token.Password(given)
	if err != nil {
		return err
	}
	users, err := passwd.Read(s.files.passwd())
	if err != nil {
		return err
	}
	old := users.Password(passwd.Server)
	if s.config.AgentToken == "" && users.Password(passwd.Node) == old {
		users.Set(passwd.Node, password)
	}
	users.Set(passwd.Server, password)
	if err := users.Write(); err != nil {
		return err
	}
	if err := s.files.writeToken("token", "server", password); err != nil {
		return err
	}
	return s.data.Rotate(ctx, old, password)
}
