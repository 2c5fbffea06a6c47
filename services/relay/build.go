package relay

import (
	"context"

	"github.com/hotline-desk/hotline/pkg/host"
	"github.com/hotline-desk/hotline/pkg/run"
	"github.com/hotline-desk/hotline/pkg/tg"
)

// ServiceName is the service's name in configuration, logs and readiness.
const ServiceName = "relay"

// Build puts the service on a host.
func Build(_ context.Context, h *host.Host) error {
	cfg := Config{API: h.Config.TelegramAPI}
	if h.Config.Limits {
		cfg.Limits = tg.TelegramLimits()
	}
	deps := Deps{
		Views: h.Views, Logger: h.Logger, Metrics: h.Telemetry.Metrics, Tracer: h.Telemetry.Tracer(ServiceName), Settled: h.Settled(),
	}
	ingress := h.Config.IngressGRPC
	if ingress == "" {
		ingress = h.GRPC.Addr()
	}
	asked, err := dialContents(ingress, h.Config.GRPCTLS)
	if err != nil {
		return err
	}
	h.Own("connection to ingress", func(context.Context) error { return asked.close() })
	deps.Contents = asked
	r, err := New(cfg, deps.WithLog(h.Log, h.Sealer, h.Instance))
	if err != nil {
		return err
	}
	r.Register(h.GRPC.Registrar())
	if r.links.projector != nil {
		h.AddView(linksView, r.links.projector.Rebuild)
	}
	h.Add(run.Unit{Name: ServiceName, Run: r.Run, Ready: r.Ready, Stop: StopTime})
	return nil
}
