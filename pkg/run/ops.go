package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"go.uber.org/zap"

	"github.com/hotline-desk/hotline/pkg/seal"
)

const (
	opsShutdown = 4 * time.Second  // for requests that are being served
	opsHeader   = 10 * time.Second // for a client to send its header
	opsIdle     = 2 * time.Minute
)

// Ops is the HTTP server of a process: /healthz, /readyz, /metrics and what components
// mount beside them. /readyz and /metrics answer this host and private networks only.
type Ops struct {
	mux      *http.ServeMux
	listener net.Listener
	log      *zap.Logger
}

// NewOps binds listen (host:port; port 0 picks one), so that an address in use is an
// error at the start. states feeds /readyz, metrics serves /metrics.
func NewOps(listen string, states func() []State, metrics http.Handler, log *zap.Logger) (*Ops, error) {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("HOTLINE_LISTEN: %w; stop the other program or choose another address", err)
	}
	o := &Ops{mux: http.NewServeMux(), listener: l, log: log}
	o.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		o.answer(w, http.StatusOK, []byte("ok\n"))
	})
	o.mux.Handle("GET /readyz", nearby(func(w http.ResponseWriter, _ *http.Request) { o.ready(w, states()) }))
	o.mux.Handle("GET /metrics", nearby(metrics.ServeHTTP))
	return o, nil
}

// nearby serves only this host and private networks: the address may be public for the sake of the webhook, and what
// goes on inside is nobody else's business. A request that a proxy forwarded comes from outside.
func nearby(h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		ip := peer.Addr().Unmap()
		forwarded := r.Header.Get("Forwarded") + r.Header.Get("X-Forwarded-For")
		if err != nil || forwarded != "" || !ip.IsLoopback() && !ip.IsPrivate() {
			http.NotFound(w, r)
			return
		}
		h(w, r)
	})
}

// Handle mounts a handler under a pattern of http.ServeMux. A pattern that is taken or
// malformed is a programmer's error: panic. The handler bounds its own bodies and times.
func (o *Ops) Handle(pattern string, h http.Handler) { o.mux.Handle(pattern, h) }

// Addr is the address that is listened on.
func (o *Ops) Addr() string { return o.listener.Addr().String() }

// Close gives the address up without Run.
func (o *Ops) Close() error {
	if err := o.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close %s: %w", o.Addr(), err)
	}
	return nil
}

// Run serves until ctx ends, then lets the requests under way finish.
func (o *Ops) Run(ctx context.Context) error {
	srv := &http.Server{
		Handler:           o.mux,
		ReadHeaderTimeout: opsHeader,
		IdleTimeout:       opsIdle,
		ErrorLog:          zap.NewStdLog(o.log.Named("http")),
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(o.listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve %s: %w", o.Addr(), err)
	case <-ctx.Done():
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), opsShutdown)
	defer cancel()
	err := srv.Shutdown(bounded)
	if errors.Is(err, context.DeadlineExceeded) {
		err = srv.Close() // cuts off what does not finish
	}
	if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	if err != nil {
		return fmt.Errorf("stop %s: %w", o.Addr(), err)
	}
	return nil
}

type readiness struct {
	Ready      bool        `json:"ready"`
	Components []component `json:"components"`
}

type component struct {
	Name  string `json:"name"`
	Ready bool   `json:"ready"`
	Why   string `json:"why,omitempty"`
}

// ready answers 200 when every unit is ready, else 503; the body lists them all.
func (o *Ops) ready(w http.ResponseWriter, states []State) {
	body := readiness{Ready: true, Components: []component{}}
	for _, s := range states {
		body.Ready = body.Ready && s.Ready
		body.Components = append(body.Components, component{s.Name, s.Ready, seal.Redact(s.Why)})
	}
	code := http.StatusOK
	if !body.Ready {
		code = http.StatusServiceUnavailable
	}
	text, err := json.MarshalIndent(body, "", "  ")
	if err != nil {
		code, text = http.StatusInternalServerError, nil
		o.log.Error("encode readiness", zap.Error(err))
	}
	w.Header().Set("Content-Type", "application/json")
	o.answer(w, code, append(text, '\n'))
}

func (o *Ops) answer(w http.ResponseWriter, code int, body []byte) {
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	if _, err := w.Write(body); err != nil {
		o.log.Debug("answer not taken", zap.Error(err))
	}
}
