package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/services/hotline/bench"
)

func benchCommand() *cobra.Command {
	var o bench.Options
	asJSON := false
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure a desk from end to end on this machine",
		Long: `Measure a desk from end to end: a desk in a process of its own, and a simulated Telegram in this one.
Messages are sent when they are due, however late the desk is. Latencies count from the moment an update is
handed to the desk to the moment it asks for the copy. A run that lost or doubled something exits with 1.`,
		Args: noArguments,
	}
	flags := cmd.Flags()
	flags.IntVar(&o.Messages, "messages", 5000, "messages of customers")
	flags.IntVar(&o.Customers, "customers", 100, "customers who take turns")
	flags.Float64Var(&o.Rate, "rate", 100, "messages a second; 0 = as fast as the desk takes them")
	flags.Float64Var(&o.Answers, "answers", 0.2, "share of messages that an operator answers, 0 to 1")
	flags.BoolVar(&o.Cold, "cold", false, "measure first contacts too (default: every customer has a topic before the load begins)")
	flags.StringVar(&o.Durability, "durability", string(config.DurabilityAlways), "of the desk's log: always or interval")
	flags.StringVar(&o.Data, "data", "", "directory for the desk's data and log (default: a temporary one, removed at the end)")
	flags.BoolVar(&asJSON, "json", false, "print the report as JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := checkBench(o); err != nil {
			return usageError{err}
		}
		program, err := os.Executable()
		if err != nil {
			return fmt.Errorf("find this program: %w", err)
		}
		o.Program, o.Progress = program, cmd.ErrOrStderr()
		report, err := bench.Run(cmd.Context(), o)
		if err != nil && !errors.Is(err, bench.ErrLost) {
			return err
		}
		return errors.Join(err, printReport(cmd.OutOrStdout(), report, asJSON))
	}
	return cmd
}

func checkBench(o bench.Options) error {
	switch {
	case o.Messages < 1 || o.Customers < 1:
		return errors.New("--messages and --customers have to be at least 1")
	case o.Rate < 0:
		return errors.New("--rate must not be negative; 0 is as fast as the desk takes messages")
	case o.Answers < 0 || o.Answers > 1:
		return errors.New("--answers is a share, from 0 to 1")
	case o.Durability != string(config.DurabilityAlways) && o.Durability != string(config.DurabilityInterval):
		return errors.New("--durability is always or interval")
	}
	return nil
}

func printReport(w io.Writer, r bench.Report, asJSON bool) error {
	if !asJSON {
		return r.Print(w)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
