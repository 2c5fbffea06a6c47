// Command simulator runs a simulated Telegram Bot API server on loopback.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/hotline-desk/hotline/services/simulator"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run serves until ctx ends. It returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("simulator", flag.ContinueOnError)
	fs.SetOutput(stderr)
	listen := fs.String("listen", env("HOTLINE_SIMULATOR_LISTEN", "127.0.0.1:8081"), "loopback address (HOTLINE_SIMULATOR_LISTEN)")
	desk := fs.Bool("desk", false, "make a bot, its group and owner, and print them as shell exports")
	limits := fs.Bool("limits", false, "put Telegram's limits in force")
	retention := fs.Int("retention", 20_000, "messages that a chat remembers, 0 all")
	seed := fs.Uint64("seed", uint64(time.Now().UnixNano()), "seed of ids, tokens and faults")
	keep := fs.Int("keep-calls", 20_000, "calls that are remembered")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if fs.NArg() > 0 {
		fmt.Fprintf(stderr, "simulator: unexpected argument %q; see -help\n", fs.Arg(0))
		return 2
	}
	cfg := simulator.Config{Addr: *listen, Seed: *seed, Retention: *retention, KeepCalls: *keep}
	if *limits {
		cfg.Limits = simulator.TelegramLimits()
	}
	s := simulator.New(cfg)
	if err := s.Listen(); err != nil {
		fmt.Fprintf(stderr, "simulator: %v\n", err)
		return 1
	}
	fmt.Fprintf(stdout, "# simulated Telegram on %s, control API on %s/control/\n", s.URL(), s.URL())
	fmt.Fprintf(stdout, "export HOTLINE_TELEGRAM_API=%s\n", s.URL())
	if *desk {
		printDesk(stdout, s)
	}
	if err := s.Run(ctx); err != nil {
		fmt.Fprintf(stderr, "simulator: %v\n", err)
		return 1
	}
	return 0
}

func printDesk(w io.Writer, s *simulator.Server) {
	b := s.NewBot("Desk")
	g := s.NewGroup(simulator.GroupOptions{Bots: []*simulator.Bot{b}})
	fmt.Fprintf(w, "export HOTLINE_BOT_TOKEN=%s\n", b.Token())
	fmt.Fprintf(w, "export HOTLINE_GROUP=%s\n", strconv.FormatInt(g.ID(), 10))
	fmt.Fprintf(w, "export HOTLINE_OWNER=%d\n", g.Owner().ID())
	fmt.Fprintln(w, "# ready")
}

func env(key, def string) string {
	if v := os.Getenv(key); v != "" {
		return v
	}
	return def
}
