package simulator

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// ErrNotLoopback refuses an address that other machines could reach.
var ErrNotLoopback = errors.New("the simulator listens on loopback only")

// Config of a Server. The zero value is a Telegram without limits and faults on
// a free port.
type Config struct {
	// Addr to listen on, "127.0.0.1:0" by default. Loopback only.
	Addr string
	// Seed of ids, secrets and fault draws; 0 means 1.
	Seed uint64
	// Clock for dates, limits and expiry; nil is the real one.
	Clock Clock
	// Limits in force from the start; SetLimits changes them.
	Limits Limits
	// RetryUnit is what one second of the webhook back-off lasts; 0 means 1s.
	RetryUnit time.Duration
	// Retention is how many messages a chat remembers; 0 remembers all. What is
	// forgotten can no longer be copied, answered or edited, but is still judged.
	Retention int
	// KeepCalls is how many calls are remembered for Calls; 0 means 20,000.
	KeepCalls int
	// FirstUpdateID of every bot; 0 draws one as Telegram does.
	FirstUpdateID int64
	// NoPrivateReactions keeps message_reaction of private chats from bots (sources
	// disagree whether Telegram delivers it there).
	NoPrivateReactions bool
	// DeletedTopic says what a call into a deleted topic meets.
	DeletedTopic DeletedTopicMode
}

// DeletedTopicMode is one of the ways in which Telegram answers a call into a
// topic that somebody deleted.
type DeletedTopicMode int

const (
	// ThreadNotFound answers "message thread not found".
	ThreadNotFound DeletedTopicMode = iota
	// TopicDeleted answers "TOPIC_DELETED".
	TopicDeleted
	// TopicIgnored delivers into General, unless the call names the vanished root
	// as the message it answers.
	TopicIgnored
)

// Server is one simulated Telegram.
type Server struct {
	cfg     Config
	clock   Clock
	methods map[string]handler
	returns map[string]string
	control *http.ServeMux
	serving gate

	ln   net.Listener
	url  string
	stop context.CancelFunc
	done chan error
	bg   *errgroup.Group
	life context.Context

	mu       sync.Mutex
	rng      *rand.Rand
	bots     []*Bot
	byToken  map[string]*Bot
	users    map[int64]*user
	chats    map[int64]*chat // groups and supergroups
	names    map[string]int64
	nextID   ids
	seq      uint32
	album    uint64
	calls    callRing
	faults   faultPlan
	limits   limiter
	load     *load
	queries  map[string]*callbackQuery
	commands map[string][]byte
	again    []*resend
	comments []comment

	waitMu  sync.Mutex
	waiters int
	changed chan struct{}

	events eventQueue
}

type ids struct{ bot, customer, operator, supergroup, basic int64 }

// New makes a Server that does not listen yet.
func New(cfg Config) *Server {
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	if cfg.Seed == 0 {
		cfg.Seed = 1
	}
	if cfg.Clock == nil {
		cfg.Clock = realClock{}
	}
	if cfg.RetryUnit == 0 {
		cfg.RetryUnit = time.Second
	}
	if cfg.KeepCalls == 0 {
		cfg.KeepCalls = 20_000
	}
	s := &Server{cfg: cfg, clock: cfg.Clock, changed: make(chan struct{})}
	s.methods, s.returns = methodTable()
	s.control = s.controlRoutes()
	s.events.wake = make(chan struct{}, 1)
	s.clear()
	return s
}

// clear puts the world back to the empty one.
func (s *Server) clear() {
	s.rng = rand.New(rand.NewPCG(s.cfg.Seed, 0x686f746c696e65))
	s.bots, s.byToken = nil, map[string]*Bot{}
	s.users, s.chats, s.names = map[int64]*user{}, map[int64]*chat{}, map[string]int64{}
	s.nextID = ids{7_000_000_001, 500_000_001, 900_000_001, 2_000_000_001, 4_000_001}
	s.calls = callRing{max: s.cfg.KeepCalls}
	s.faults = faultPlan{}
	s.limits = newLimiter(s.cfg.Limits)
	s.queries = map[string]*callbackQuery{}
	s.commands = map[string][]byte{}
	s.load = nil
	s.again, s.comments = nil, nil
}

// Listen opens the port. URL is known from then on.
func (s *Server) Listen() error {
	host, _, err := net.SplitHostPort(s.cfg.Addr)
	if err != nil {
		return fmt.Errorf("address %q: %w", s.cfg.Addr, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("address %q: %w", s.cfg.Addr, ErrNotLoopback)
	}
	ln, err := net.Listen("tcp", s.cfg.Addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if tcp, ok := ln.Addr().(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		ln.Close()
		return fmt.Errorf("address %q: %w", s.cfg.Addr, ErrNotLoopback)
	}
	s.ln, s.url = ln, "http://"+ln.Addr().String()
	return nil
}

// Run serves until ctx ends, then waits for everything it started. It listens
// first if Listen was not called.
func (s *Server) Run(ctx context.Context) error {
	if s.ln == nil {
		if err := s.Listen(); err != nil {
			return err
		}
	}
	return s.begin(ctx).Wait()
}

// begin starts everything that runs until ctx ends.
func (s *Server) begin(ctx context.Context) *errgroup.Group {
	bg, life := errgroup.WithContext(ctx)
	s.mu.Lock()
	s.bg, s.life = bg, life
	for _, b := range s.bots {
		s.kickWebhook(b)
	}
	s.mu.Unlock()

	srv := &http.Server{Handler: s, ReadHeaderTimeout: 30 * time.Second, BaseContext: func(net.Listener) context.Context { return life }}
	bg.Go(func() error {
		if err := srv.Serve(s.ln); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve: %w", err)
		}
		return nil
	})
	bg.Go(func() error {
		<-life.Done()
		err := srv.Close()
		s.serving.shut() // Close does not wait for the handlers
		return err
	})
	bg.Go(func() error { return s.dispatchEvents(life) })
	return bg
}

// gate counts the requests being served and can wait for the last one.
type gate struct {
	mu     sync.Mutex
	n      int
	closed bool
	empty  chan struct{}
}

func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.n++
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.n--; g.n == 0 && g.closed {
		close(g.empty)
	}
}

// shut lets nobody in any more and waits for those inside.
func (g *gate) shut() {
	g.mu.Lock()
	g.closed, g.empty = true, make(chan struct{})
	if g.n == 0 {
		close(g.empty)
	}
	empty := g.empty
	g.mu.Unlock()
	<-empty
}

// Start listens and runs in the background until ctx ends or Close.
func (s *Server) Start(ctx context.Context) error {
	if err := s.Listen(); err != nil {
		return err
	}
	ctx, s.stop = context.WithCancel(ctx)
	s.done = make(chan error, 1)
	bg := s.begin(ctx)
	go func() { s.done <- bg.Wait() }()
	return nil
}

// Close ends what Start began and waits for it.
func (s *Server) Close() error {
	if s.stop == nil {
		return nil
	}
	s.stop()
	s.stop = nil
	return <-s.done
}

// URL is the API root, without a slash at its end.
func (s *Server) URL() string { return s.url }

// Reset forgets bots, users, chats, faults and calls. Open polls end.
func (s *Server) Reset() {
	s.mu.Lock()
	for _, b := range s.bots {
		b.hook.cancelLocked()
		b.poll.cancel(errRestart())
	}
	s.clear()
	s.mu.Unlock()
	s.notify()
}

// TB is the part of testing.TB that ForTest needs.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
	Cleanup(func())
}

// ForTest starts a Server that stops with the test.
func ForTest(tb TB, cfg Config) *Server {
	tb.Helper()
	s := New(cfg)
	if err := s.Start(context.Background()); err != nil {
		tb.Fatalf("start the simulator: %v", err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("stop the simulator: %v", err)
		}
	})
	return s
}
