// Package natsd owns how a process reaches NATS: an embedded server of its own, or a connection to an external one. It
// refuses to know any stream, subject or message.
package natsd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"go.uber.org/zap"
)

// Durability settings of an embedded server.
const (
	Always   = "always"   // fsync before every acknowledgement
	Interval = "interval" // fsync once a second: a power cut may take the last second with it, a crash of the process nothing
)

const (
	syncEvery   = time.Second      // of Interval
	stopTimeout = 10 * time.Second // of Stop
	maxStore    = int64(1) << 50   // bytes; the disk is the limit, not the server's guess about it
	maxMemory   = int64(64) << 20  // bytes of memory streams; the log has none
	lockName    = "nats.lock"
)

var (
	// ErrInUse: another process has the data directory open.
	ErrInUse = errors.New("data directory is in use")
	// ErrDurability: neither Always nor Interval.
	ErrDurability = errors.New("unknown durability")
)

// Config of an embedded server.
type Config struct {
	Dir        string      // data directory, made when missing; one server owns it
	Durability string      // Always or Interval; empty = Always
	MaxPayload int32       // bytes; 0 = 1 MiB
	Logger     *zap.Logger // nil = silent
}

// Server is an embedded NATS server with JetStream that listens nowhere: only this process can reach it.
type Server struct {
	ns         *server.Server
	durability string
	lock       *flock.Flock
	stop       sync.Once
	log        *zap.Logger
}

// Start starts a server; when it returns the server answers and everything stored is readable. Errors: ErrInUse,
// ErrDurability, the context's, or the server's own.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	if cfg.Durability == "" {
		cfg.Durability = Always
	}
	if cfg.Durability != Always && cfg.Durability != Interval {
		return nil, fmt.Errorf("durability %q: %w", cfg.Durability, ErrDurability)
	}
	lock, err := own(cfg.Dir)
	if err != nil {
		return nil, err
	}
	s := &Server{durability: cfg.Durability, lock: lock, log: cfg.Logger}
	if err := s.boot(ctx, cfg); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

func own(dir string) (*flock.Flock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	lock := flock.New(filepath.Join(dir, lockName))
	held, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	if !held {
		return nil, fmt.Errorf("%s: %w", dir, ErrInUse)
	}
	return lock, nil
}

func (s *Server) boot(ctx context.Context, cfg Config) error {
	ns, err := server.NewServer(options(cfg))
	if err != nil {
		return fmt.Errorf("embedded NATS: %w", err)
	}
	s.ns = ns
	log := &logger{log: cfg.Logger.Sugar()}
	ns.SetLoggerV2(log, false, false, false)
	started := make(chan struct{})
	go func() { ns.Start(); close(started) }() // returns when recovery is done; shutting down ends it early
	select {
	case <-started:
	case <-ctx.Done():
		return fmt.Errorf("embedded NATS: %w", ctx.Err())
	}
	if fatal := log.fatal.Load(); fatal != nil {
		return fmt.Errorf("embedded NATS: %s", *fatal)
	}
	if !ns.ReadyForConnections(stopTimeout) || !ns.JetStreamEnabled() {
		return errors.New("embedded NATS: not ready")
	}
	return nil
}

func options(cfg Config) *server.Options {
	opts := &server.Options{
		ServerName:             "hotline",
		DontListen:             true,
		NoSigs:                 true,
		DisableJetStreamBanner: true,
		JetStream:              true,
		StoreDir:               cfg.Dir,
		JetStreamMaxStore:      maxStore,
		JetStreamMaxMemory:     maxMemory,
		JetStreamLimits:        server.JSLimitOpts{DefaultMaxConsumers: -1}, // each connection has readers of its own
		MaxPayload:             cfg.MaxPayload,
		SyncAlways:             cfg.Durability == Always,
	}
	if cfg.Durability == Interval {
		opts.SyncInterval = syncEvery
	}
	return opts
}

// Connect opens a connection within the process. It is safe for concurrent use. Close the connections before Stop.
func (s *Server) Connect(name string) (*nats.Conn, error) {
	nc, err := nats.Connect("", append(common(name), nats.InProcessServer(s.ns))...)
	if err != nil {
		return nil, fmt.Errorf("connect to embedded NATS: %w", err)
	}
	return nc, nil
}

// Durability is the setting in force, Always or Interval, for the caller to name at start.
func (s *Server) Durability() string { return s.durability }

// Stop shuts the server down and gives the data directory free. Nothing acknowledged is lost; it takes at most
// ten seconds. Calls after the first do nothing.
func (s *Server) Stop() { s.stop.Do(s.shutdown) }

func (s *Server) shutdown() {
	if s.ns != nil {
		done := make(chan struct{})
		go func() { s.ns.Shutdown(); s.ns.WaitForShutdown(); close(done) }()
		timer := time.NewTimer(stopTimeout)
		defer timer.Stop()
		select {
		case <-done:
		case <-timer.C:
			s.log.Warn("embedded NATS still stopping", zap.Duration("after", stopTimeout))
			return // the lock stays: the directory is still being written to
		}
	}
	if err := s.lock.Unlock(); err != nil {
		s.log.Warn("data directory not given free", zap.Error(err))
	}
}
