package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/run"
	"github.com/hotline-desk/hotline/pkg/seal"
)

// Exit codes: what a supervisor or a script may act on.
const (
	ExitOK    = 0
	ExitFault = 1 // it ran, and failed
	ExitUsage = 2 // a setting or an argument is wrong: starting again will not help
)

// ErrSetting is wrapped by errors that only a change of the settings can mend: a token
// that Telegram refuses, a group that is no forum. Such a process ends with ExitUsage.
var ErrSetting = errors.New("setting")

// Program is the command of one service.
type Program struct {
	Name  string // of the command
	About string // one line, for --help
	Need  config.Need
	// Build makes the service on h: it adds units, mounts handlers, registers gRPC services.
	Build func(ctx context.Context, h *Host) error
}

// Main is a run.Func: it reads the settings, opens a Host and runs the program on it until
// ctx ends. Settings at fault are explained on stderr, one line each.
func (p Program) Main(ctx context.Context, args []string, _, stderr io.Writer) int {
	flags := pflag.NewFlagSet(p.Name, pflag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintf(stderr, "%s: %s\n\nSettings (also HOTLINE_… in the environment):\n%s", p.Name, p.About, flags.FlagUsages())
	}
	config.Bind(flags)
	err := flags.Parse(args)
	if errors.Is(err, pflag.ErrHelp) {
		return ExitOK
	}
	if err != nil {
		Explain(stderr, p.Name, err)
		return ExitUsage
	}
	if flags.NArg() > 0 {
		Explain(stderr, p.Name, fmt.Errorf("takes no argument, and got %q", flags.Arg(0)))
		return ExitUsage
	}
	if err := p.run(ctx, flags, stderr); err != nil {
		Explain(stderr, p.Name, err)
		return Code(err)
	}
	return ExitOK
}

func (p Program) run(ctx context.Context, flags *pflag.FlagSet, stderr io.Writer) error {
	cfg, err := config.Load(flags, os.Environ(), p.Need)
	if err != nil {
		return err
	}
	h, err := Open(ctx, cfg, Options{Name: p.Name, Output: stderr})
	if err != nil {
		return err
	}
	if err := p.Build(ctx, h); err != nil {
		return errors.Join(err, h.Close())
	}
	return h.Run(ctx)
}

// Code returns the exit code for err.
func Code(err error) int {
	var faults config.Faults
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &faults), errors.Is(err, run.ErrData), errors.Is(err, seal.ErrKey), errors.Is(err, ErrSetting):
		return ExitUsage
	}
	return ExitFault
}

// Explain writes err to w, one line per fault, each beginning with the program's name.
// What it writes is redacted: an argument may hold a token.
func Explain(w io.Writer, name string, err error) {
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != "" {
			fmt.Fprintf(w, "%s: %s\n", name, seal.Redact(line))
		}
	}
}
