package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hotline-desk/hotline/pkg/config"
)

const helpHead = `Hotline makes a support desk of a Telegram bot: every customer gets a topic in the
team's group, and operators answer there.

  hotline demo      see it work, without Telegram
  hotline up        run it: set HOTLINE_BOT_TOKEN and HOTLINE_GROUP first
`

const helpSettings = `Settings, in the order of precedence: flags of hotline up (--group), the environment
(HOTLINE_GROUP), the file that HOTLINE_CONFIG names (group: …). Secrets can be read from
a file: HOTLINE_BOT_TOKEN_FILE, --bot-token-file, bot_token_file.
`

// printHelp lists all commands and settings: nobody should have to look anywhere else.
func printHelp(w io.Writer, root *cobra.Command) {
	fmt.Fprint(w, helpHead, "\n")
	fmt.Fprintln(w, "Commands (hotline help COMMAND says more):")
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() || c.Name() == "help" {
			fmt.Fprintf(w, "  %-10s %s\n", c.Name(), c.Short)
		}
	}
	fmt.Fprintln(w)
	fmt.Fprint(w, helpSettings, "\n")
	for _, s := range config.Settings() {
		printSetting(w, s)
	}
}

func printSetting(w io.Writer, s config.Setting) {
	name := s.Env
	switch {
	case s.Secret:
		name += "  (secret)"
	case s.Default != "":
		name += "  (" + s.Default + ")"
	}
	fmt.Fprintf(w, "  %s\n      %s\n", name, strings.TrimSpace(s.Help))
}
