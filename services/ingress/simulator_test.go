package ingress

import (
	"slices"
	"testing"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/tg"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
	"github.com/hotline-desk/hotline/services/simulator"
)

// newSimulated is a rig on a simulated Telegram: a bot, its group, an operator.
func newSimulated(t *testing.T, cfg Config) (*rig, *simulator.Server, *simulator.Bot, *simulator.Group) {
	t.Helper()
	sim := simulator.ForTest(t, simulator.Config{})
	bot := sim.NewBot("desk")
	group := sim.NewGroup(simulator.GroupOptions{Bots: []*simulator.Bot{bot}})
	r := newRig(t, cfg)
	r.deps.Dial = func(token config.Secret) Caller { return tg.NewClient(sim.URL(), token) }
	r.secrets.set(bot.Token())
	return r, sim, bot, group
}

func startSimulated(t *testing.T, r *rig, bot *simulator.Bot, group *simulator.Group, source string) {
	t.Helper()
	rec := record(source, 5)
	rec.Configured.Bot, rec.Configured.Group = bot.ID(), group.ID()
	r.log.records <- rec
	r.start(t, source) // with an older record
}

func (r *rig) all() []*eventv1.Fact {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	return slices.Clone(r.log.facts)
}

func TestOnSimulatorPolling(t *testing.T) {
	r, sim, bot, group := newSimulated(t, Config{})
	anna := sim.NewCustomer("Anna Canary")
	early := anna.Send(simulator.Text("canary: written before anybody listened"))
	startSimulated(t, r, bot, group, polling)
	conversation(t, r, sim, bot, group, anna, early.ID)
	eventually(t, "confirmation", func() bool { return bot.Pending() == 0 })
	if n := sim.CountCalls("getUpdates"); n == 0 {
		t.Error("nobody polled")
	}
}

func TestOnSimulatorWebhook(t *testing.T) {
	h := newHookRig(t)
	r, sim, bot, group := newSimulated(t, Config{WebhookURL: h.server.URL})
	h.server.Config.Handler = hookMux(r)
	anna := sim.NewCustomer("Anna Canary")
	early := anna.Send(simulator.Text("canary: written before anybody listened"))
	startSimulated(t, r, bot, group, sourceWebhook)
	conversation(t, r, sim, bot, group, anna, early.ID)
	eventually(t, "delivery", func() bool { return bot.Pending() == 0 })
}

// conversation plays every kind, a block, an operator and poison, and judges the facts.
func conversation(t *testing.T, r *rig, sim *simulator.Server, bot *simulator.Bot, group *simulator.Group, anna *simulator.Customer, early int64) {
	t.Helper()
	sent := []int64{early, anna.Start("canary").ID}
	for _, c := range []simulator.Content{
		simulator.Text("canary"), simulator.Photo("canary"), simulator.Video("canary"), simulator.Quiz("canary?", "canary", "x"), simulator.Unsupported(),
	} {
		sent = append(sent, anna.Send(c).ID)
	}
	for _, m := range anna.SendAlbum(simulator.Photo("canary"), simulator.Photo("")) {
		sent = append(sent, m.ID)
	}
	sim.Poison(bot)
	anna.Block()
	anna.Unblock()
	sent = append(sent, anna.Send(simulator.Text("canary, last")).ID)
	op := group.NewOperator("Olga Canary")
	topic := op.CreateTopic("canary")
	answer := op.SendIn(topic.ID, simulator.Text("canary answer"))
	reply := op.Reply(answer.ID, simulator.Text("/ canary comment"))

	customer := func() (ids []int64, blocks []bool) {
		for _, f := range r.all() {
			if m := f.GetCustomerMessage(); m.GetCustomer() == anna.ID() {
				ids = append(ids, m.GetMessage())
			}
			if m := f.GetCustomerMembership(); m.GetCustomer() == anna.ID() {
				blocks = append(blocks, m.GetBlocked())
			}
		}
		return ids, blocks
	}
	var team []*eventv1.GroupMessage
	eventually(t, "all facts", func() bool {
		ids, blocks := customer()
		team = nil
		for _, f := range r.all() {
			if m := f.GetGroupMessage(); m != nil {
				team = append(team, m)
			}
		}
		return len(ids) == len(sent) && len(blocks) == 2 && len(team) == 2
	})
	if ids, blocks := customer(); !slices.Equal(ids, sent) || !slices.Equal(blocks, []bool{true, false}) {
		t.Errorf("customer's messages %v, want %v; blocks %v", ids, sent, blocks)
	}
	if m := team[0]; m.GetThread() != topic.ID || m.GetReplyTo() != 0 || m.GetComment() || m.GetActor().GetUser() != op.ID() {
		t.Errorf("answer %v", m)
	}
	if m := team[1]; m.GetMessage() != reply.ID || m.GetReplyTo() != answer.ID || !m.GetComment() {
		t.Errorf("comment %v", m)
	}
	for _, f := range r.all() {
		noBody(t, reading{fact: f})
	}
}
