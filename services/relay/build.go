package relay

import (
	"context"

	"github.com/hotline-desk/hotline/pkg/host"
	"github.com/hotline-desk/hotline/pkg/run"
	"github.com/hotline-desk/hotline/pkg/tg"
)

// ServiceName names the service in logs.
const ServiceName = "relay"

// Build puts the service on a host.
func Build(_ context.Context, h *host.Host) error {
	cfg := Config{API: h.Config.TelegramAPI}
	if h.Config.Limits {
		cfg.Limits = tg.TelegramLimits()
	}
	deps := Deps{Views: h.Views, Logger: h.Logger, Metrics: h.Telemetry.Metrics}
	s, err := New(cfg, deps.WithLog(h.Log, h.Sealer, h.Instance))
	if err != nil {
		return err
	}
	s.Register(h.GRPC.Registrar())
	h.AddView("links", s.links.projector.Rebuild)
	h.Add(run.Unit{Name: ServiceName, Run: s.Run, Ready: s.Ready})
	return nil
}
