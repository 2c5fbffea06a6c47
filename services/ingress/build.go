package ingress

import (
	"context"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/host"
	"github.com/hotline-desk/hotline/pkg/run"
	"github.com/hotline-desk/hotline/pkg/tg"
)

// Build puts the service on a host.
func Build(_ context.Context, h *host.Host) error {
	s, err := New(Config{WebhookURL: h.Config.WebhookURL}, Deps{
		Log: h.Log, Profiles: h.Log.Profiles(h.Sealer), Secrets: h.Log.Secrets(h.Sealer),
		Dial:   func(token config.Secret) Caller { return tg.NewClient(h.Config.TelegramAPI, token) },
		Logger: h.Logger.Named(ServiceName), Metrics: h.Telemetry.Metrics,
		Tracer: h.Telemetry.Tracer(ServiceName),
	})
	if err != nil {
		return err
	}
	s.Register(h.GRPC.Registrar())
	h.Ops.Handle(HookPattern, s.Handler())
	h.Add(run.Unit{Name: ServiceName, Run: s.Run, Ready: s.Ready, Stop: StopTime})
	return nil
}
