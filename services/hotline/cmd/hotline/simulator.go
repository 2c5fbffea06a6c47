package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hotline-desk/hotline/services/simulator"
)

func simulatorCommand() *cobra.Command {
	cfg := simulator.Config{}
	limits := false
	cmd := &cobra.Command{
		Use:   "simulator",
		Short: "Run a simulated Telegram, and print the settings for a desk on it",
		Long: `Run a simulated Telegram on this machine, with a bot and the group of a team, and print the settings for a
desk on it. Customers and operators are played through its control API, under /control/.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limits {
				cfg.Limits = simulator.TelegramLimits()
			}
			s := simulator.New(cfg)
			if err := s.Listen(); err != nil {
				return fmt.Errorf("--listen: %w", err)
			}
			bot := s.NewBot("Desk")
			group := s.NewGroup(simulator.GroupOptions{Bots: []*simulator.Bot{bot}})
			fmt.Fprintf(cmd.OutOrStdout(), "# simulated Telegram, control API under %s/control/\n"+
				"export HOTLINE_TELEGRAM_API=%s\nexport HOTLINE_BOT_TOKEN=%s\nexport HOTLINE_GROUP=%d\nexport HOTLINE_OWNER=%d\n",
				s.URL(), s.URL(), bot.Token(), group.ID(), group.Owner().ID())
			return s.Run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&cfg.Addr, "listen", "127.0.0.1:8082", "loopback address")
	cmd.Flags().BoolVar(&limits, "limits", false, "put Telegram's limits in force")
	cmd.Flags().IntVar(&cfg.Retention, "retention", 20_000, "messages that a chat remembers; 0 = all")
	return cmd
}
