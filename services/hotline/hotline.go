// Package hotline joins all services to one desk in one process.
//
// It owns the order in which they start and stop, and nothing else: each service is the
// same code on the same subjects as in a process of its own, and does not know where it
// runs.
package hotline

import (
	"context"
	"errors"
	"fmt"
	"io"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/host"
	"github.com/hotline-desk/hotline/pkg/run"
	"github.com/hotline-desk/hotline/services/dialog"
	"github.com/hotline-desk/hotline/services/ingress"
	"github.com/hotline-desk/hotline/services/relay"
	"github.com/hotline-desk/hotline/services/setup"
)

// Options of a desk.
type Options struct {
	Version string    // of the program; empty = of the build
	Log     io.Writer // where the log goes; required

	Spans sdktrace.SpanExporter // takes the traces instead of HOTLINE_OTLP_ENDPOINT; nil: none
}

// Desk is a whole desk in this process.
type Desk struct {
	host *host.Host
}

// Open opens the foundation and puts all services on it; nothing runs yet. Errors are
// those of host.Open. After an error nothing is open; else Run has to be called.
func Open(ctx context.Context, cfg *config.Config, o Options) (*Desk, error) {
	h, err := host.Open(ctx, cfg, host.Options{Name: "hotline", Version: o.Version, Output: o.Log, Spans: o.Spans})
	if err != nil {
		return nil, err
	}
	// In the order of the start: first who may send is ready, then who decides, last who
	// takes messages in. They stop the other way round.
	for _, service := range []struct {
		name  string
		build func(context.Context, *host.Host) error
	}{
		{"setup", setup.Build}, {"relay", relay.Build}, {"dialog", dialog.Build}, {"ingress", ingress.Build},
	} {
		if err := service.build(ctx, h); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", service.name, err), h.Close())
		}
	}
	return &Desk{host: h}, nil
}

// Run runs the desk until ctx ends or a service fails, and closes everything. It takes
// less than 15 s to stop.
func (d *Desk) Run(ctx context.Context) error { return d.host.Run(ctx) }

// Ready returns the state of all components; messages flow when each is ready.
func (d *Desk) Ready() []run.State { return d.host.Ready() }

// Address is where the ops server and the webhook listen.
func (d *Desk) Address() string { return d.host.Ops.Addr() }

// Data is the absolute path of the data directory.
func (d *Desk) Data() string { return d.host.Data.Path }
