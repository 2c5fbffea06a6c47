package host

import (
	"context"
	"fmt"

	"go.uber.org/zap"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/eventlog"
	"github.com/hotline-desk/hotline/pkg/natsd"
)

// openLog starts the embedded server, or connects to the one that is configured, and
// opens the event log on it. It is closed after the units: log, connection, server.
func (h *Host) openLog(ctx context.Context, name string) error {
	connect := func() error { return h.connectExternal(ctx, name) }
	if !h.Config.NATSURL.Set() {
		connect = func() error { return h.startEmbedded(ctx, name) }
	}
	if err := connect(); err != nil {
		return err
	}
	h.unit("log", func() error { return h.Log.Ready() }, h.own("log", func(context.Context) error {
		h.Log.Close()
		return nil
	}))
	return nil
}

func (h *Host) startEmbedded(ctx context.Context, name string) error {
	dir, err := h.Data.Sub(logDir)
	if err != nil {
		return err
	}
	if h.Config.Durability == config.DurabilityInterval {
		h.Logger.Warn(IntervalRisk, zap.String("setting", "HOTLINE_DURABILITY"))
	}
	server, err := natsd.Start(ctx, natsd.Config{Dir: dir, Durability: string(h.Config.Durability), Logger: h.Logger.Named("nats")})
	if err != nil {
		return fmt.Errorf("start the embedded log: %w", err)
	}
	h.unit("log server", nil, h.own("log server", func(context.Context) error {
		server.Stop()
		return nil
	}))
	nc, err := server.Connect(name)
	if err != nil {
		return fmt.Errorf("connect to the embedded log: %w", err)
	}
	h.unit("log connection", nil, h.own("log connection", func(context.Context) error {
		nc.Close()
		return nil
	}))
	if h.Log, err = eventlog.Open(ctx, nc, h.logOptions()); err != nil {
		return fmt.Errorf("open the event log: %w", err)
	}
	return nil
}

func (h *Host) connectExternal(ctx context.Context, name string) error {
	nc, err := natsd.Connect(ctx, h.Config.NATSURL.Reveal(), h.Config.NATSCreds, name)
	if err != nil {
		return fmt.Errorf("HOTLINE_NATS_URL: %w", err)
	}
	h.unit("log connection", nil, h.own("log connection", func(context.Context) error {
		nc.Close()
		return nil
	}))
	if h.Log, err = eventlog.Open(ctx, nc, h.logOptions()); err != nil {
		return fmt.Errorf("open the event log: %w", err)
	}
	return nil
}

func (h *Host) logOptions() eventlog.Options {
	return eventlog.Options{Replicas: 1, Logger: h.Logger.Named("eventlog"), Metrics: h.Telemetry.Metrics}
}

// IntervalRisk says what durability interval puts at stake.
const IntervalRisk = "durability is interval: a power cut or a kernel crash may lose the last second of the log; a killed process loses nothing"
