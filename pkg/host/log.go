package host

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/eventlog"
	"github.com/hotline-desk/hotline/pkg/natsd"
)

// externalTime bounds the wait for a NATS server at the start.
const externalTime = 15 * time.Second

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
	if h.Log, err = eventlog.Open(ctx, nc, h.logOptions(1)); err != nil {
		return fmt.Errorf("open the event log: %w", err)
	}
	return nil
}

func (h *Host) connectExternal(ctx context.Context, name string) error {
	// A log that starts at the same time is waited for; one that is not there at all has to be said.
	bounded, cancel := context.WithTimeout(ctx, externalTime)
	defer cancel()
	h.Logger.Info("connecting to the log", zap.String("setting", "HOTLINE_NATS_URL"))
	nc, err := natsd.Connect(bounded, h.Config.NATSURL.Reveal(), h.Config.NATSCreds, name)
	if err != nil {
		return fmt.Errorf("HOTLINE_NATS_URL: %w; start the server, or correct the address", err)
	}
	h.unit("log connection", nil, h.own("log connection", func(context.Context) error {
		nc.Close()
		return nil
	}))
	if h.Log, err = eventlog.Open(ctx, nc, h.logOptions(h.Config.Replicas)); err != nil {
		return fmt.Errorf("open the event log: %w", err)
	}
	return nil
}

func (h *Host) logOptions(replicas int) eventlog.Options {
	return eventlog.Options{Replicas: replicas, Logger: h.Logger.Named("eventlog"), Metrics: h.Telemetry.Metrics}
}

// IntervalRisk says what durability interval puts at stake.
const IntervalRisk = "durability is interval: a power cut or a kernel crash may lose the last second of the log; a killed process loses nothing"
