package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/host"
	"github.com/hotline-desk/hotline/pkg/run"
	"github.com/hotline-desk/hotline/pkg/tg"
	"github.com/hotline-desk/hotline/services/hotline"
)

const (
	readyPoll        = 20 * time.Millisecond
	slowStart        = 5 * time.Second
	introductionTime = 3 * time.Second
)

func upCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run the desk: all services in this process",
		Long:  "Run the desk: all services in this process, on an embedded log and database unless others are configured.",
		Args:  noArguments,
	}
	config.Bind(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := config.Load(cmd.Flags(), os.Environ(), config.NeedBot)
		if err != nil {
			return err
		}
		return up(cmd.Context(), cfg, cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	return cmd
}

// up runs the desk until ctx ends.
func up(ctx context.Context, cfg *config.Config, stdout, stderr io.Writer) error {
	desk, err := hotline.Open(ctx, cfg, hotline.Options{Log: stderr})
	if err != nil {
		return err
	}
	greet(stdout, cfg, desk)
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := desk.Run(ctx); err != nil {
			return err
		}
		return run.ErrDone
	})
	group.Go(func() error {
		sayReady(running, stdout, cfg, desk)
		return nil
	})
	if err := group.Wait(); !errors.Is(err, run.ErrDone) {
		return err
	}
	return nil
}

// greet says what starts, on what, and where to look.
func greet(w io.Writer, cfg *config.Config, desk *hotline.Desk) {
	fmt.Fprintf(w, "Hotline %s\n", run.Version())
	fmt.Fprintf(w, "  data     %s\n", desk.Data())
	switch {
	case cfg.NATSURL.Set():
		fmt.Fprintf(w, "  log      on the NATS server of HOTLINE_NATS_URL\n")
	case cfg.Durability == config.DurabilityInterval:
		fmt.Fprintf(w, "  log      embedded; %s\n", host.IntervalRisk)
	default:
		fmt.Fprintf(w, "  log      embedded, durability %s: on disk before anything is acknowledged\n", cfg.Durability)
	}
	if cfg.MongoURI.Set() {
		fmt.Fprintf(w, "  views    in the MongoDB of HOTLINE_MONGODB_URI\n")
	}
	fmt.Fprintf(w, "  look at  http://%s/readyz and /metrics\n", desk.Address())
}

// sayReady says once when messages flow, or what the desk waits for when that takes long.
func sayReady(ctx context.Context, w io.Writer, cfg *config.Config, desk *hotline.Desk) {
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	slow := time.NewTimer(slowStart)
	defer slow.Stop()
	for {
		waits := ""
		for _, s := range desk.Ready() {
			if !s.Ready {
				waits += "\n  waits    " + s.Name + ": " + s.Why
			}
		}
		if waits == "" {
			fmt.Fprintln(w, introduction(ctx, cfg))
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-slow.C:
			fmt.Fprintln(w, "Not ready yet:"+waits)
		case <-tick.C:
		}
	}
}

// introduction names bot and group as their owner knows them. Names are a courtesy: when
// Telegram does not tell them at once, the desk is ready all the same.
func introduction(ctx context.Context, cfg *config.Config) string {
	ctx, cancel := context.WithTimeout(ctx, introductionTime)
	defer cancel()
	client := tg.NewClient(cfg.TelegramAPI, cfg.BotToken)
	defer client.Close()
	var bot struct {
		Username string `json:"username"`
	}
	var group struct {
		Title string `json:"title"`
	}
	if client.Call(ctx, "getMe", nil, &bot) != nil || client.Call(ctx, "getChat", map[string]any{"chat_id": cfg.Group}, &group) != nil {
		return "Ready: customers may write."
	}
	return fmt.Sprintf("Ready: customers write to @%s, the team answers in %q.", bot.Username, group.Title)
}
