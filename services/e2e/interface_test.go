package e2e

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/services/simulator"
)

// refusal starts a desk that must refuse to run, and returns what it said.
func (w *world) refusal(limit time.Duration) string {
	w.t.Helper()
	w.desk.launch(w.t)
	p := w.desk.processes[0]
	select {
	case <-p.done:
	case <-time.After(limit):
		w.t.Fatalf("%s still runs after %v", p.name, limit)
	}
	if code := p.cmd.ProcessState.ExitCode(); code == 0 {
		w.t.Errorf("%s refused with exit code 0", p.name)
	}
	raw, err := os.ReadFile(p.log.Name())
	if err != nil {
		w.t.Fatal(err)
	}
	if strings.Contains(string(raw), w.words[0]) {
		w.t.Errorf("the refusal shows the token:\n%s", raw)
	}
	return string(raw)
}

func TestRefusalsNameTheRemedy(t *testing.T) {
	cases := map[string]struct {
		env     []string
		prepare func(w *world)
		want    []string
	}{
		"a group without topics":   {prepare: func(w *world) { w.group.SetForum(false) }, want: []string{"HOTLINE_GROUP", "Topics"}},
		"a missing right":          {prepare: func(w *world) { w.group.SetRights(w.bot, simulator.Rights{}) }, want: []string{"anage"}},
		"a bot outside the group":  {prepare: func(w *world) { w.group.Kick(w.bot) }, want: []string{"HOTLINE_GROUP"}},
		"a token that is refused":  {env: []string{"HOTLINE_BOT_TOKEN=123456:" + strings.Repeat("x", 35)}, want: []string{"HOTLINE_BOT_TOKEN", "BotFather"}},
		"a token that is none":     {env: []string{"HOTLINE_BOT_TOKEN=hello"}, want: []string{"HOTLINE_BOT_TOKEN"}},
		"a wrong source":           {env: []string{"HOTLINE_SOURCE=pigeon"}, want: []string{"HOTLINE_SOURCE", "polling", "webhook"}},
		"a webhook without a URL":  {env: []string{"HOTLINE_SOURCE=webhook"}, want: []string{"HOTLINE_WEBHOOK_URL"}},
		"a misspelt setting":       {env: []string{"HOTLINE_DURABLITY=always"}, want: []string{"HOTLINE_DURABLITY", "HOTLINE_DURABILITY"}},
		"an unknown parameter":     {env: []string{"HOTLINE_PARAM_WELCOM=hi"}, want: []string{"WELCOM", "WELCOME"}},
		"a bad value of parameter": {env: []string{"HOTLINE_PARAM_IGNORE_CHATS=everybody"}, want: []string{"IGNORE_CHATS"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, allInOne, options{idle: true, env: c.env})
			if c.prepare != nil {
				c.prepare(w)
			}
			said := w.refusal(30 * time.Second)
			for _, want := range c.want {
				if !strings.Contains(said, want) {
					t.Errorf("the refusal does not say %q:\n%s", want, said)
				}
			}
		})
	}
}
