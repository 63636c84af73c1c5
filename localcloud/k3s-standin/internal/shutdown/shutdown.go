// Package shutdown is the end that a component of k3s requests when it fails.
package shutdown

// Request is the error of a component after the start of k3s. k3s logs the cause and ends with status 0,
// and systemd starts it again; errors of the start itself end it with status 1.
type Request struct{ Cause error }

// Because requests a shutdown. A component that ends without an error requests one too, without a cause.
func Because(cause error) error { return &Request{Cause: cause} }

// Error is the message that k3s logs.
func (r *Request) Error() string {
	if r.Cause == nil {
		return "shutdown request received"
	}
	return r.Cause.Error()
}

// Unwrap gives the cause.
func (r *Request) Unwrap() error { return r.Cause }
