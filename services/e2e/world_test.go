package e2e

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/services/simulator"
)

// How long a conversation may take to be delivered: generous, since performance is no scenario; within limits twenty
// messages a minute get into the group.
const (
	settleWithin = 60 * time.Second
	limitsWithin = 5 * time.Minute
)

// world is one simulated Telegram with one bot, its team, and a desk between them.
type world struct {
	*simulator.Server
	t     *testing.T
	how   deployment
	bot   *simulator.Bot
	group *simulator.Group
	op    *simulator.Operator
	desk  *desk
	words []string // what must never be found in what the desk wrote
	texts int
}

// options of a world.
type options struct {
	simulator simulator.Config
	env       []string
	webhook   bool
	idle      bool     // the desk is not started
	more      []string // further processes of services, when it is split
}

// newWorld makes a world and starts its desk.
func newWorld(t *testing.T, how deployment, o options) *world {
	t.Helper()
	takeSlot(t, how)
	limits := "off"
	if how.limits {
		limits, o.simulator.Limits = "on", simulator.TelegramLimits()
	}
	w := &world{Server: simulator.ForTest(t, o.simulator), t: t, how: how}
	w.bot = w.NewBot("desk")
	w.group = w.NewGroup(simulator.GroupOptions{Bots: []*simulator.Bot{w.bot}})
	w.op = w.group.NewOperator("Olga Ogilvie-Canary")
	_, secret, _ := strings.Cut(w.bot.Token(), ":")
	w.words = append(w.words, secret, "Ogilvie-Canary")
	w.desk = newDesk(t, how, o.more, append([]string{
		"HOTLINE_TELEGRAM_API=" + w.URL(),
		"HOTLINE_BOT_TOKEN=" + w.bot.Token(),
		"HOTLINE_GROUP=" + strconv.FormatInt(w.group.ID(), 10),
		"HOTLINE_OWNER=" + strconv.FormatInt(w.group.Owner().ID(), 10),
		"HOTLINE_TELEGRAM_LIMITS=" + limits,
	}, o.env...)...)
	if o.webhook {
		w.desk.env = append(w.desk.env, "HOTLINE_SOURCE=webhook", "HOTLINE_WEBHOOK_URL=http://"+w.desk.listen())
	}
	if !o.idle {
		w.desk.start(t)
	}
	return w
}

// text makes a body that is found nowhere else, and is searched for afterwards.
func (w *world) text(format string, args ...any) string {
	w.texts++
	body := fmt.Sprintf(format, args...) + fmt.Sprintf(" canary-%d-%d", w.texts, time.Now().UnixNano())
	w.words = append(w.words, body)
	return body
}

// says is a text message with such a body.
func (w *world) says(format string, args ...any) simulator.Content {
	return simulator.Text(w.text(format, args...))
}

// customer makes a customer whose name is searched for afterwards.
func (w *world) customer(first string) *simulator.Customer {
	w.texts++
	last := fmt.Sprintf("Lastname-Canary-%d", w.texts)
	w.words = append(w.words, last)
	return w.NewCustomer(first + " " + last)
}

// patience is how long this world may take to deliver.
func (w *world) patience() time.Duration {
	if w.how.limits {
		return limitsWithin
	}
	return settleWithin
}

func (w *world) context() context.Context {
	ctx, cancel := context.WithTimeout(w.t.Context(), w.patience())
	w.t.Cleanup(cancel)
	return ctx
}

// topic waits for the topic of a customer.
func (w *world) topic(c *simulator.Customer) simulator.Topic {
	w.t.Helper()
	topic, err := w.group.WaitTopic(w.context(), c)
	if err != nil {
		w.t.Fatalf("topic of %s: %v", c.Name(), err)
	}
	return topic
}

// until waits for something in the simulated Telegram.
func (w *world) until(what string, cond func() bool) {
	w.t.Helper()
	if err := w.WaitFor(w.context(), cond); err != nil {
		w.t.Fatalf("%s: %v", what, err)
	}
}

// arrives waits until the customer has got this text from the bot.
func (w *world) arrives(c *simulator.Customer, text string) {
	w.t.Helper()
	w.until(fmt.Sprintf("%s receives %q", c.Name(), text), func() bool { return c.Received(text) })
}

// copied waits until a customer's message has its copy in the group.
func (w *world) copied(c *simulator.Customer, m simulator.Message) {
	w.t.Helper()
	w.until(fmt.Sprintf("copy of %s's message %d", c.Name(), m.ID), func() bool { return len(w.group.Copies(c, m.ID)) > 0 })
}

// named waits until a topic's name begins with the square of a status.
func (w *world) named(c *simulator.Customer, square string) {
	w.t.Helper()
	w.until(c.Name()+"'s topic shows "+square, func() bool {
		topic, ok := w.group.TopicOf(c)
		return ok && strings.HasPrefix(topic.Name, square)
	})
}

// noticed waits until the bot has said something with this word in the topic, and returns it.
func (w *world) noticed(topic int64, word string) simulator.Message {
	w.t.Helper()
	var found simulator.Message
	w.until(fmt.Sprintf("notice with %q", word), func() bool {
		for _, m := range w.group.Messages(topic) {
			if m.FromBot && m.Source == (simulator.Ref{}) && strings.Contains(strings.ToLower(m.Text), strings.ToLower(word)) {
				found = m
				return true
			}
		}
		return false
	})
	return found
}

// settle waits until everything that was written has arrived, once, in order, at its place.
func (w *world) settle(o simulator.CheckOptions) {
	w.t.Helper()
	if violations := w.Settle(w.context(), o); len(violations) > 0 {
		for i, v := range violations {
			if i == 20 {
				w.t.Logf("… and %d more", len(violations)-i)
				break
			}
			w.t.Log(v)
		}
		w.t.Fatalf("%d violations", len(violations))
	}
}

// finish settles, and ends the desk.
func (w *world) finish(o simulator.CheckOptions) {
	w.t.Helper()
	w.settle(o)
	w.end()
}

// end stops the desk, and searches what it wrote for bodies, names and the token. It has not met a limit.
func (w *world) end() {
	w.t.Helper()
	if stats := w.LimitStats(); stats.Hits > 0 {
		w.t.Errorf("the desk ran into limits %d times: %v", stats.Hits, stats.ByChat)
	}
	w.desk.stop(w.t)
	w.desk.canaries(w.t, w.words)
}

type scenario func(t *testing.T, how deployment)

// everywhere runs a scenario in every deployment, on a Telegram with limits and without.
func everywhere(t *testing.T, play scenario) {
	t.Helper()
	run(t, play, allInOne, split, allInOne.within(), split.within())
}

// withoutLimits runs a scenario of more messages than a group takes within minutes.
func withoutLimits(t *testing.T, play scenario) {
	t.Helper()
	run(t, play, allInOne, split)
}

// withinLimits runs a scenario that is about limits.
func withinLimits(t *testing.T, play scenario) {
	t.Helper()
	run(t, play, allInOne.within(), split.within())
}

func run(t *testing.T, play scenario, ways ...deployment) {
	t.Helper()
	t.Parallel()
	for _, how := range ways {
		t.Run(how.String(), func(t *testing.T) {
			t.Parallel()
			play(t, how)
		})
	}
}
