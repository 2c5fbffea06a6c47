// Package host opens what every Hotline process stands on – data directory, telemetry,
// event log, sealer, views, ops server and gRPC server – and runs services on it. The
// all-in-one and the command of each service use it alike, so that both run the same code
// on the same subjects.
//
// It knows no service, and refuses to decide anything for one: a service gets the means,
// and hands back units.
package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/zap"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/eventlog"
	"github.com/hotline-desk/hotline/pkg/run"
	"github.com/hotline-desk/hotline/pkg/seal"
	"github.com/hotline-desk/hotline/pkg/telemetry"
	"github.com/hotline-desk/hotline/pkg/view"
)

const (
	logDir    = "log"
	viewsFile = "views.db"
	keyFile   = "seal.key"
	// shutTime bounds the end of one resource.
	shutTime = 5 * time.Second
)

// Options say which process this is.
type Options struct {
	Name    string    // in logs, traces and metrics, for instance "dialog"
	Version string    // of the program; empty = of the build
	Output  io.Writer // of the log; required

	Spans sdktrace.SpanExporter // takes the traces instead of HOTLINE_OTLP_ENDPOINT; nil: none
}

// Host is an open foundation. The fields are for reading only; everything they name is
// safe for concurrent use, and works until Run has stopped the units that were added.
type Host struct {
	Config    *config.Config
	Version   string
	Telemetry *telemetry.Telemetry
	Logger    *zap.Logger
	Data      *run.Data
	Instance  string // of this process: the data directory's
	Sealer    *seal.Sealer
	Log       *eventlog.Log
	Views     *view.Store
	Ops       *run.Ops  // services mount handlers before Run
	GRPC      *run.GRPC // services register before Run

	group     *run.Group
	resources []*resource
	rebuilds  map[string]func(context.Context) (view.Report, error)
}

// Open opens everything that cfg names, in seconds or with an error: run.ErrData for the
// data directory, seal.ErrKey for a bad key, view.ErrUnavailable for a database that does
// not answer, and plain errors for the rest. Nothing stays open after an error. Call Run,
// or Close when it does not come to that.
func Open(ctx context.Context, cfg *config.Config, o Options) (_ *Host, err error) {
	if o.Version == "" {
		o.Version = run.Version()
	}
	h := &Host{Config: cfg, Version: o.Version, rebuilds: map[string]func(context.Context) (view.Report, error){}}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.Close())
		}
	}()
	if h.Data, err = run.OpenData(cfg.Data); err != nil {
		return nil, err
	}
	h.own("data directory", func(context.Context) error { return h.Data.Close() })
	h.Instance = h.Data.Instance
	if err = h.openTelemetry(ctx, o); err != nil {
		return nil, err
	}
	if h.Sealer, err = openSealer(cfg, h.Data); err != nil {
		return nil, err
	}
	h.group = run.NewGroup(h.Logger.Named("run"))
	if err = h.openLog(ctx, o.Name); err != nil {
		return nil, err
	}
	if err = h.openViews(ctx); err != nil {
		return nil, err
	}
	if err = h.openServers(); err != nil {
		return nil, err
	}
	return h, nil
}

// Add adds the units of a service. They start in the order of the calls, after everything
// that Open made, and stop in the reverse order, before it.
func (h *Host) Add(units ...run.Unit) { h.group.Add(units...) }

// Ready returns the state of all units; it may be called while Run runs.
func (h *Host) Ready() []run.State { return h.group.Ready() }

// Settled is closed when all units have been ready for a moment, or a bounded while after Run began: see run.Group.
// Views are built from then on. On the data of a long life that keeps processor and disk busy for long, and messages are
// not to wait for it.
func (h *Host) Settled() <-chan struct{} { return h.group.Settled() }

// Run runs the units until ctx ends or one of them does (see run.Group), and closes
// everything. It is called once.
func (h *Host) Run(ctx context.Context) error {
	return errors.Join(h.group.Run(ctx), h.Close())
}

// Close closes what is still open, newest first, within seconds. It may be called again.
func (h *Host) Close() error {
	var errs []error
	for i := len(h.resources) - 1; i >= 0; i-- {
		ctx, cancel := context.WithTimeout(context.Background(), shutTime)
		errs = append(errs, h.resources[i].shut(ctx))
		cancel()
	}
	return errors.Join(errs...)
}

// views names the views that can be rebuilt here.
func (h *Host) views() []string { return slices.Sorted(maps.Keys(h.rebuilds)) }

func (h *Host) openTelemetry(ctx context.Context, o Options) error {
	t, err := telemetry.New(ctx, telemetry.Options{
		Service: o.Name, Version: o.Version, Instance: h.Instance,
		Level: h.Config.LogLevel, Output: o.Output, Secrets: h.Config.Secrets(), OTLP: h.Config.OTLP,
		Spans: o.Spans,
	})
	if err != nil {
		return err
	}
	h.Telemetry, h.Logger = t, t.Log
	h.own("telemetry", t.Close)
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "hotline_build_info", Help: "1, labelled with the program's version and service.",
		ConstLabels: prometheus.Labels{"version": o.Version, "service": o.Name},
	})
	build.Set(1)
	return t.Metrics.Register(build)
}

func openSealer(cfg *config.Config, data *run.Data) (*seal.Sealer, error) {
	var keys []seal.Key
	var err error
	if cfg.SealKey.Set() {
		keys, err = seal.ParseKeys(cfg.SealKey.Reveal())
	} else {
		keys, err = seal.LoadOrCreate(filepath.Join(data.Path, keyFile))
	}
	if err != nil {
		return nil, fmt.Errorf("HOTLINE_SEAL_KEY: %w", err)
	}
	return seal.New(keys...)
}

func (h *Host) openViews(ctx context.Context) error {
	views, err := view.Open(ctx, view.Config{URI: h.Config.MongoURI.Reveal(), Path: filepath.Join(h.Data.Path, viewsFile)})
	if err != nil && h.Config.MongoURI.Set() {
		return fmt.Errorf("HOTLINE_MONGODB_URI: %w; start the database, or correct the address", err)
	}
	if err != nil {
		return err
	}
	h.Views = views
	h.unit("views", nil, h.own("views", views.Close))
	return nil
}

// openServers binds both addresses, so that one in use is an error at the start. The ops
// server serves from the beginning: whoever asks while a service waits for Telegram gets
// told so. Both stop after the services, which answer what comes meanwhile.
func (h *Host) openServers() error {
	var err error
	if h.Ops, err = run.NewOps(h.Config.Listen, h.Ready, h.Telemetry.MetricsHandler(), h.Logger); err != nil {
		return err
	}
	h.own("ops", func(context.Context) error { return h.Ops.Close() })
	h.Add(run.Unit{Name: "ops", Run: h.Ops.Run})
	if h.GRPC, err = run.NewGRPC(h.Config.GRPCListen, h.Config.GRPCTLS, h.Ready, h.Logger.Named("grpc")); err != nil {
		return err
	}
	h.own("grpc", func(context.Context) error { return h.GRPC.Close() })
	h.Add(run.Unit{Name: "grpc", Run: h.GRPC.Run})
	h.Add(run.Unit{Name: "control", Run: (&control{host: h}).Run})
	return nil
}

// resource is something to be closed once.
type resource struct {
	name string
	gone atomic.Bool
	end  func(context.Context) error
}

// shut does not wait for a close that is under way: that one has had its time.
func (r *resource) shut(ctx context.Context) error {
	if r.gone.Swap(true) {
		return nil
	}
	if err := r.end(ctx); err != nil {
		return fmt.Errorf("close %s: %w", r.name, err)
	}
	return nil
}

// Own has something closed with the host, after all units, whether they ever ran or not.
func (h *Host) Own(name string, end func(context.Context) error) { h.own(name, end) }

func (h *Host) own(name string, end func(context.Context) error) *resource {
	r := &resource{name: name, end: end}
	h.resources = append(h.resources, r)
	return r
}

// unit makes a resource part of the orderly stop: it ends after everything added later.
func (h *Host) unit(name string, ready func() error, r *resource) {
	h.Add(run.Unit{Name: name, Ready: ready, Stop: shutTime, Run: func(ctx context.Context) error {
		<-ctx.Done()
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutTime)
		defer cancel()
		return r.shut(bounded)
	}})
}
