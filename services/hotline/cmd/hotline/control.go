package main

import (
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/host"
)

// dial finds the running process by its data directory.
func dial(cmd *cobra.Command) (*host.Client, error) {
	cfg, err := config.Load(cmd.Flags(), os.Environ(), 0)
	if err != nil {
		return nil, err
	}
	return host.Dial(cfg.Data)
}

func dataFlag(cmd *cobra.Command) *cobra.Command {
	cmd.PersistentFlags().String("data", "./data", "data directory of the running process (HOTLINE_DATA)")
	return cmd
}

func parkedCommand() *cobra.Command {
	cmd := dataFlag(&cobra.Command{
		Use:   "parked",
		Short: "List what could not be decided and was set aside, or have it tried again",
		Long: `List the facts that a running desk could not decide and has set aside, so that nobody else waits.
They are tried again by themselves, ever more rarely; release has them tried now, in order.`,
		Args: noArguments,
		RunE: listParked,
	})
	cmd.AddCommand(
		&cobra.Command{Use: "list", Short: "List them", Args: noArguments, RunE: listParked},
		&cobra.Command{Use: "release CONNECTION KEY", Short: "Try those of a key again, now", Args: arguments(2), RunE: releaseParked},
	)
	return cmd
}

func listParked(cmd *cobra.Command, _ []string) error {
	client, err := dial(cmd)
	if err != nil {
		return err
	}
	list, err := client.Parked(cmd.Context(), "")
	if err != nil {
		return err
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(cmd.OutOrStdout(), "Nothing is parked.")
		return err
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CONNECTION\tKEY\tSERVICE\tSINCE\tREASON")
	for _, p := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", p.Connection, p.Key, p.Service, p.At.Format(time.RFC3339), p.Reason)
	}
	return w.Flush()
}

func releaseParked(cmd *cobra.Command, args []string) error {
	client, err := dial(cmd)
	if err != nil {
		return err
	}
	if err := client.Release(cmd.Context(), args[0], args[1]); err != nil {
		return err
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), "Asked to try again; hotline parked shows what is left.")
	return err
}

func rebuildCommand() *cobra.Command {
	return dataFlag(&cobra.Command{
		Use:   "rebuild VIEW",
		Short: "Compute a view anew from the log, beside the live one",
		Long:  "Have the running process compute a view (dialogs, links) anew from the log, beside the live one, and switch over.",
		Args:  arguments(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := dial(cmd)
			if err != nil {
				return err
			}
			r, err := client.Rebuild(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %d documents from %d records in %v (%d before); %s is live.\n",
				r.View, r.Documents, r.Records, r.Took.Round(time.Millisecond), r.Before, r.Collection)
			return err
		},
	})
}

// arguments is cobra.ExactArgs as a usage error.
func arguments(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usageError{fmt.Errorf("use it as: %s", cmd.UseLine())}
		}
		return nil
	}
}
