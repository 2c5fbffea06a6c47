package setup

import (
	"context"

	"github.com/hotline-desk/hotline/pkg/host"
	"github.com/hotline-desk/hotline/pkg/run"
	"github.com/hotline-desk/hotline/pkg/tg"
)

// Build puts the service on a host.
func Build(_ context.Context, h *host.Host) error {
	bot := tg.NewClient(h.Config.TelegramAPI, h.Config.BotToken)
	s, err := New(Config{
		Token: h.Config.BotToken, Group: h.Config.Group, Owner: h.Config.Owner, Source: string(h.Config.Source),
		Parameters: h.Config.Params,
	}, Deps{
		Bot: bot, Store: h.Log.Store(), Connections: h.Log, Tokens: h.Log.Secrets(h.Sealer),
		Logger: h.Logger.Named(ServiceName),
	})
	if err != nil {
		return err
	}
	h.Add(run.Unit{Name: ServiceName, Ready: s.Ready, Run: func(ctx context.Context) error {
		defer bot.Close()
		return s.Run(ctx)
	}})
	return nil
}
