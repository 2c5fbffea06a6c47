package main

import (
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/hotline-desk/hotline/services/hotline/demo"
)

func demoCommand() *cobra.Command {
	var o demo.Options
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show a conversation on a simulated Telegram, then let you type",
		Long: `Show a conversation on a simulated Telegram: a customer writes, a topic appears, an operator answers.
With a terminal you may then write as both. Nothing leaves this machine, and no setting is needed.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Out = cmd.OutOrStdout()
			o.Terminal = isTerminal(o.Out) && isTerminal(os.Stdin)
			return demo.Run(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVar(&o.Data, "data", "", "directory for the desk's data and log (default: a temporary one, removed at the end)")
	cmd.Flags().StringVar(&o.LogLevel, "log-level", "info", "of the desk, whose log is demo.log in the directory")
	cmd.Flags().DurationVar(&o.Limit, "limit", demo.DefaultLimit, "how long the conversation may take before the demo fails")
	return cmd
}

func isTerminal(v any) bool {
	f, ok := v.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
