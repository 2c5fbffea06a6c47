package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/host"
)

const secretPart = "AAE-this-must-never-be-printed-000"

// hotlineRun runs a command line in an environment without settings but the given ones.
func hotlineRun(t *testing.T, env map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	for _, s := range config.Settings() {
		if !strings.Contains(s.Env, "<") {
			t.Setenv(s.Env, env[s.Env])
		}
	}
	if env["HOTLINE_DATA"] == "" {
		t.Setenv("HOTLINE_DATA", t.TempDir())
	}
	var out, problems bytes.Buffer
	code = execute(t.Context(), args, &out, &problems)
	return code, out.String(), problems.String()
}

func TestHelpListsCommandsAndEverySetting(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"--help"}, {}} {
		code, stdout, stderr := hotlineRun(t, nil, args...)
		if code != host.ExitOK || stderr != "" {
			t.Fatalf("%q: code %d, stderr %q", args, code, stderr)
		}
		for _, c := range newRoot().Commands() {
			if !strings.Contains(stdout, "  "+c.Name()+" ") {
				t.Errorf("%q does not list the command %s", args, c.Name())
			}
		}
		for _, s := range config.Settings() {
			if !strings.Contains(stdout, s.Env) || !strings.Contains(stdout, s.Help) {
				t.Errorf("%q does not explain %s", args, s.Env)
			}
		}
	}
}

func TestHelpOfOneCommand(t *testing.T) {
	code, stdout, _ := hotlineRun(t, nil, "help", "up")
	if code != host.ExitOK || !strings.Contains(stdout, "--bot-token-file") || !strings.Contains(stdout, "all services in this process") {
		t.Errorf("code %d: %s", code, stdout)
	}
}

func TestVersion(t *testing.T) {
	code, stdout, stderr := hotlineRun(t, nil, "version")
	if code != host.ExitOK || stderr != "" || !strings.HasPrefix(stdout, "hotline ") || strings.Count(stdout, "\n") != 1 {
		t.Errorf("code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

func TestUsageErrorsAreOneLineAndExitTwo(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"upp"}, "did you mean hotline up?"},
		{[]string{"frobnicate"}, "hotline help lists them"},
		{[]string{"help", "frobnicate"}, "hotline help lists them"},
		{[]string{"up", "--frob"}, "--frob"},
		{[]string{"up", "now"}, "takes no argument"},
		{[]string{"version", "please"}, "takes no argument"},
		{[]string{"rebuild"}, "rebuild VIEW"},
		{[]string{"parked", "release", "c_1"}, "release CONNECTION KEY"},
		{[]string{"bench", "--messages", "0"}, "--messages"},
		{[]string{"bench", "--rate", "-1"}, "--rate"},
		{[]string{"bench", "--answers", "2"}, "--answers"},
		{[]string{"bench", "--durability", "never"}, "--durability"},
		{[]string{"bench", "--messages", "many"}, "--messages"},
	} {
		code, stdout, stderr := hotlineRun(t, nil, c.args...)
		if code != host.ExitUsage || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, c.says) {
			t.Errorf("%q: code %d, stdout %q, stderr %q", c.args, code, stdout, stderr)
		}
	}
}

func TestSettingsAtFaultAreNamedAndNoTokenIsPrinted(t *testing.T) {
	token := "123456789:" + secretPart
	for name, c := range map[string]struct {
		env  map[string]string
		args []string
		says []string
	}{
		"nothing set":    {nil, nil, []string{"HOTLINE_BOT_TOKEN: is not set", "HOTLINE_GROUP: is not set"}},
		"token as group": {map[string]string{"HOTLINE_GROUP": token}, []string{"--bot-token", token}, []string{"HOTLINE_GROUP"}},
		"misspelt token": {map[string]string{"HOTLINE_BOT_TOKEN": secretPart, "HOTLINE_GROUP": "-1001234567890"}, nil, []string{"HOTLINE_BOT_TOKEN: is not a bot token"}},
		"bad durability": {map[string]string{"HOTLINE_BOT_TOKEN": token, "HOTLINE_GROUP": "-1001234567890", "HOTLINE_DURABILITY": "maybe"}, nil, []string{"HOTLINE_DURABILITY"}},
		"argument":       {nil, []string{token}, []string{"takes no argument"}},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := hotlineRun(t, c.env, append([]string{"up"}, c.args...)...)
			if code != host.ExitUsage {
				t.Errorf("code %d: %s", code, stderr)
			}
			for _, says := range c.says {
				if !strings.Contains(stderr, says) {
					t.Errorf("%q does not say %q", stderr, says)
				}
			}
			if strings.Contains(stdout+stderr, secretPart) {
				t.Errorf("the token was printed: %s%s", stdout, stderr)
			}
		})
	}
}

func TestOperatorCommandsNeedARunningDesk(t *testing.T) {
	for _, args := range [][]string{{"parked"}, {"parked", "release", "c_1", "42"}, {"rebuild", "dialogs"}} {
		code, _, stderr := hotlineRun(t, nil, args...)
		if code != host.ExitFault || !strings.Contains(stderr, host.ErrNotRunning.Error()) {
			t.Errorf("%q: code %d, %q", args, code, stderr)
		}
	}
}
