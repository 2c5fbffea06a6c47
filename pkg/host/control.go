package host

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/hotline-desk/hotline/pkg/run"
	"github.com/hotline-desk/hotline/pkg/view"
)

const (
	controlFile = "control.json"
	controlStop = 2 * time.Second
)

// control lets the operator's tool ask the running process, which holds the data
// directory's lock. It listens on loopback, on a port of its own, and answers only whoever
// can read the key in the data directory: the ops address may be public.
type control struct {
	host *Host
	key  string
}

// door is the content of the control file.
type door struct {
	Address string `json:"address"`
	Key     string `json:"key"`
}

// AddView makes a view known to `hotline rebuild`. Call it before Run.
func (h *Host) AddView(name string, rebuild func(context.Context) (view.Report, error)) {
	h.rebuilds[name] = rebuild
}

// Run serves until ctx ends. A rebuild under way is given up then; it can be asked again.
func (c *control) Run(ctx context.Context) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	c.key = rand.Text()
	path := filepath.Join(c.host.Data.Path, controlFile)
	if err := c.publish(path, l.Addr().String()); err != nil {
		return errors.Join(err, l.Close())
	}
	srv := &http.Server{
		Handler:           c.handler(),
		ReadHeaderTimeout: controlStop,
		ErrorLog:          zap.NewStdLog(c.host.Logger.Named("control")),
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	select {
	case err := <-ended:
		return errors.Join(fmt.Errorf("serve: %w", err), os.Remove(path))
	case <-ctx.Done():
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), controlStop)
	defer cancel()
	if err = srv.Shutdown(bounded); err != nil {
		err = srv.Close()
	}
	<-ended // it is ErrServerClosed now
	return errors.Join(err, os.Remove(path))
}

// publish replaces the file as a whole: a reader never sees half of it.
func (c *control) publish(path, address string) error {
	text, err := json.Marshal(door{Address: address, Key: c.key})
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return fmt.Errorf("%w: %w", run.ErrData, err)
	}
	return os.Rename(path+".new", path)
}

func (c *control) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /parked", c.parked)
	mux.HandleFunc("POST /release", c.release)
	mux.HandleFunc("POST /rebuild", c.rebuild)
	want := []byte("Bearer " + c.key)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), want) != 1 {
			http.Error(w, "denied", http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (c *control) parked(w http.ResponseWriter, r *http.Request) {
	facts, err := c.host.Log.Parked(r.Context(), r.FormValue("connection"))
	if err != nil {
		c.fail(w, err)
		return
	}
	list := []Parked{}
	for _, f := range facts {
		fact := f.Parked.GetFact()
		list = append(list, Parked{
			Connection: fact.GetConnection(), Key: f.Key, Service: f.Service, Seq: f.Seq,
			Reason: f.Parked.GetReason(), At: f.Parked.GetParkedAt().AsTime(),
		})
	}
	c.answer(w, list)
}

func (c *control) release(w http.ResponseWriter, r *http.Request) {
	connection, key := r.FormValue("connection"), r.FormValue("key")
	if connection == "" || key == "" {
		http.Error(w, "connection and key are needed", http.StatusBadRequest)
		return
	}
	if err := c.host.Log.Release(r.Context(), connection, key); err != nil {
		c.fail(w, err)
		return
	}
	c.answer(w, struct{}{})
}

func (c *control) rebuild(w http.ResponseWriter, r *http.Request) {
	name := r.FormValue("view")
	rebuild := c.host.rebuilds[name]
	if rebuild == nil {
		http.Error(w, fmt.Sprintf("this process keeps no view %q; it keeps %v", name, c.host.views()), http.StatusNotFound)
		return
	}
	report, err := rebuild(r.Context())
	if err != nil {
		c.fail(w, err)
		return
	}
	c.answer(w, report)
}

func (c *control) answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		c.host.Logger.Debug("answer not taken", zap.Error(err))
	}
}

// fail tells the operator everything: it is the operator's own machine.
func (c *control) fail(w http.ResponseWriter, err error) {
	c.host.Logger.Warn("control request failed", zap.Error(err))
	http.Error(w, err.Error(), http.StatusInternalServerError)
}
