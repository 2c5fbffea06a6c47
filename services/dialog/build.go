package dialog

import (
	"context"

	"github.com/hotline-desk/hotline/pkg/host"
	"github.com/hotline-desk/hotline/pkg/run"
)

// Build puts the service on a host.
func Build(_ context.Context, h *host.Host) error {
	s, err := New(Config{}, Deps{
		Inbox: h.Log, Lookup: h.Log, Store: h.Log.Store(),
		Desk: h.Log.DeskSource(), Outbox: h.Log.OutboxSource(), Views: h.Views,
		Logger: h.Logger.Named(ServiceName), Metrics: h.Telemetry.Metrics, Tracer: h.Telemetry.Tracer(ServiceName),
		Settled: h.Settled(),
	})
	if err != nil {
		return err
	}
	s.Register(h.GRPC.Registrar())
	h.AddView(schema.Name, s.projector.Rebuild)
	h.Add(run.Unit{Name: ServiceName, Run: s.Run, Ready: s.Ready})
	return nil
}
