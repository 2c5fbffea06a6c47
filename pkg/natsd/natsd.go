// Package natsd owns how the process reaches NATS: an embedded server, or a connection to an external one. It refuses
// to know any stream or subject.
package natsd

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"go.uber.org/zap"
)

// Config of an embedded server.
type Config struct {
	Dir        string // data directory; one server owns it
	Durability string // Always or Interval
	MaxPayload int32  // bytes; 0 = 1 MiB
	Logger     *zap.Logger
}

// Durability settings.
const (
	Always   = "always"   // fsync before every acknowledgement
	Interval = "interval" // fsync once a second: a power cut may lose the last second
)

// Server is an embedded NATS server with JetStream.
type Server struct {
	ns  *server.Server
	cfg Config
}

var errSkeleton = errors.New("not there yet")

// Start starts a server that listens nowhere; it is ready when Start returns.
func Start(ctx context.Context, cfg Config) (*Server, error) { return nil, errSkeleton }

// Connect opens an in-process connection.
func (s *Server) Connect(name string) (*nats.Conn, error) { return nil, errSkeleton }

// Durability is the setting in force: Always or Interval.
func (s *Server) Durability() string { return s.cfg.Durability }

// Stop shuts the server down; nothing acknowledged is lost. It takes at most stopTimeout.
func (s *Server) Stop() {}

const stopTimeout = 10 * time.Second

// Connect connects to an external server and reconnects for ever.
func Connect(ctx context.Context, url, creds, name string) (*nats.Conn, error) {
	return nil, errSkeleton
}
