// Package demo shows a desk at work without Telegram: it starts the simulator and the
// desk in one process, plays a short conversation, and then lets whoever sits at the
// terminal write as the customer and as the operator.
//
// It refuses to pretend: every line of the conversation is printed because the simulated
// Telegram saw it happen, and the demo fails when it does not happen.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/services/hotline"
	"github.com/hotline-desk/hotline/services/simulator"
)

const (
	// DefaultLimit bounds the conversation.
	DefaultLimit = 45 * time.Second
	deskDir      = "desk"
	logFile      = "demo.log"
)

// errQuit ends a demo that went well.
var errQuit = errors.New("quit")

// Options of a demo.
type Options struct {
	Data     string        // for the desk's data and log; empty = a temporary one, removed at the end
	LogLevel string        // of the desk; empty = info
	Version  string        // of the program
	Out      io.Writer     // where the conversation is printed
	Terminal bool          // Out is a terminal, and so is the input: colours, pauses, and a talk afterwards
	Limit    time.Duration // of the conversation; 0 = DefaultLimit
}

// Run plays the demo until it is over or ctx ends. It returns an error when the
// conversation does not happen in time.
func Run(ctx context.Context, o Options) error {
	if o.Limit == 0 {
		o.Limit = DefaultLimit
	}
	temporary := o.Data == ""
	if temporary {
		dir, err := os.MkdirTemp("", "hotline-demo-")
		if err != nil {
			return fmt.Errorf("data directory: %w", err)
		}
		o.Data = dir
	} else if err := os.MkdirAll(o.Data, 0o700); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	err := runIn(ctx, o)
	if !temporary {
		return err
	}
	if err != nil {
		return fmt.Errorf("%w; the desk's log is %s", err, filepath.Join(o.Data, logFile))
	}
	return os.RemoveAll(o.Data)
}

// runIn starts both sides and plays; it returns when everything has stopped.
func runIn(ctx context.Context, o Options) (err error) {
	sim := simulator.New(simulator.Config{})
	if err := sim.Listen(); err != nil {
		return fmt.Errorf("start the simulator: %w", err)
	}
	log, err := os.OpenFile(filepath.Join(o.Data, logFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("log of the desk: %w", err)
	}
	defer func() { err = errors.Join(err, log.Close()) }()

	s := newStage(sim, o)
	// The simulator outlives the desk, so that the desk's last calls are answered.
	telegram, ctxEnd := context.WithCancel(context.WithoutCancel(ctx))
	var telegramRun errgroup.Group
	telegramRun.Go(func() error { return sim.Run(telegram) })
	err = s.play(ctx, o, log)
	ctxEnd()
	return errors.Join(err, telegramRun.Wait())
}

// play runs the desk, and the conversation on it.
func (s *stage) play(ctx context.Context, o Options, log io.Writer) error {
	s.opening()
	cfg, err := s.settings(o)
	if err != nil {
		return err
	}
	desk, err := hotline.Open(ctx, cfg, hotline.Options{Version: o.Version, Log: log})
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return desk.Run(ctx) })
	group.Go(func() error {
		if err := s.conversation(ctx, o.Limit); err != nil {
			return err
		}
		if o.Terminal {
			if err := s.talk(ctx); err != nil {
				return err
			}
		}
		return errQuit
	})
	if err := group.Wait(); !errors.Is(err, errQuit) && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// settings are those that an owner would make, for the simulator.
func (s *stage) settings(o Options) (*config.Config, error) {
	return config.Load(nil, []string{
		"HOTLINE_TELEGRAM_API=" + s.sim.URL(),
		"HOTLINE_TELEGRAM_LIMITS=off", // the simulator has none; a viewer should not wait for Telegram's
		"HOTLINE_BOT_TOKEN=" + s.bot.Token(),
		fmt.Sprintf("HOTLINE_GROUP=%d", s.group.ID()),
		fmt.Sprintf("HOTLINE_OWNER=%d", s.group.Owner().ID()),
		"HOTLINE_DATA=" + filepath.Join(o.Data, deskDir),
		"HOTLINE_LISTEN=127.0.0.1:0",
		"HOTLINE_GRPC_LISTEN=127.0.0.1:0",
		"HOTLINE_LOG_LEVEL=" + o.LogLevel,
	}, config.NeedBot)
}
