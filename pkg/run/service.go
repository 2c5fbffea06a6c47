package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/seal"
)

// The exit codes of a process.
const (
	ExitOK     = 0
	ExitFailed = 1 // while starting or running
	ExitUsage  = 2 // settings or arguments
)

// Wire builds the components of a process and adds them to p.Group.
type Wire func(ctx context.Context, p *Process) error

// Service is the program of a service that runs by itself: it reads the settings,
// explains what is wrong with them, wires and runs.
func Service(name string, need config.Need, wire Wire) Func {
	return func(ctx context.Context, args []string, stdout, stderr io.Writer) int {
		fs := pflag.NewFlagSet(name, pflag.ContinueOnError)
		fs.SetOutput(io.Discard)
		config.Bind(fs)
		version := fs.Bool("version", false, "print the version and exit")
		switch err := fs.Parse(args); {
		case errors.Is(err, pflag.ErrHelp):
			fmt.Fprintf(stdout, "%s is a service of Hotline. Every flag can be set as HOTLINE_… in the environment too.\n\n%s", name, fs.FlagUsages())
			return ExitOK
		case err != nil:
			return Explain(stderr, name, ExitUsage, err)
		case fs.NArg() > 0:
			return Explain(stderr, name, ExitUsage, fmt.Errorf("%q: there are no arguments besides flags", fs.Arg(0)))
		case *version:
			fmt.Fprintf(stdout, "%s %s\n", name, Version())
			return ExitOK
		}
		c, err := config.Load(fs, os.Environ(), need)
		if err != nil {
			return Explain(stderr, name, ExitUsage, err)
		}
		return Execute(ctx, name, c, stderr, wire)
	}
}

// Execute opens, wires and runs a process whose settings are known, and returns its exit
// code; an error has been explained on stderr by then.
func Execute(ctx context.Context, name string, c *config.Config, stderr io.Writer, wire Wire) int {
	p, err := Open(ctx, name, c, stderr)
	if err != nil {
		return Explain(stderr, name, ExitFailed, err)
	}
	if err := wire(ctx, p); err != nil {
		if ctx.Err() != nil && errors.Is(err, context.Canceled) { // told to stop meanwhile
			err = nil
		}
		return Explain(stderr, name, ExitFailed, errors.Join(err, p.Close()))
	}
	return Explain(stderr, name, ExitFailed, p.Run(ctx))
}

// Explain writes err to stderr, one line per fault, without bot tokens, and returns code;
// for a nil err it writes nothing and returns ExitOK.
func Explain(stderr io.Writer, name string, code int, err error) int {
	if err == nil {
		return ExitOK
	}
	for line := range strings.Lines(seal.Redact(err.Error())) {
		fmt.Fprintf(stderr, "%s: %s\n", name, strings.TrimRight(line, "\n"))
	}
	return code
}
