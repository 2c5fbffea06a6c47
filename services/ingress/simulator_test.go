package ingress

import (
	"fmt"
	"slices"
	"strconv"
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
	eventually(t, "asking for reactions", func() bool { return r.Ready() == nil })
	r.log.setTopic(topic.ID, strconv.FormatInt(anna.ID(), 10))
	anna.Edit(early, simulator.Text("canary, better"))
	op.Edit(answer.ID, simulator.Text("canary answer, better"))
	op.Edit(reply.ID, simulator.Text("/ canary comment, better"))
	anna.React(answer.ID, "👍")
	op.React(answer.ID, "🔥")
	op.React(answer.ID, "")
	op.RenameTopic(topic.ID, "🟨 Canary & Co")

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
	mirrored(t, r, anna, op, topic, early, answer, reply)
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

// mirrored judges the facts beside messages.
func mirrored(t *testing.T, r *rig, anna *simulator.Customer, op *simulator.Operator, topic simulator.Topic, early int64, answer, reply simulator.Message) {
	t.Helper()
	var edits, marks []string
	var named bool
	unmarked := fmt.Sprint(op.ID(), answer.ID, 0)
	eventually(t, "edits, reactions and the name", func() bool {
		edits, marks, named = nil, nil, false
		for _, f := range r.all() {
			// The simulator's poison has an edit without a sender, and a reaction of nobody.
			switch b := f.GetBody().(type) {
			case *eventv1.Fact_CustomerEdit:
				edits = append(edits, fmt.Sprint(b.CustomerEdit.GetCustomer(), b.CustomerEdit.GetMessage()))
			case *eventv1.Fact_GroupEdit:
				edits = append(edits, fmt.Sprint(b.GroupEdit.GetThread(), b.GroupEdit.GetMessage(), b.GroupEdit.GetSlash()))
			case *eventv1.Fact_MessageReaction:
				marks = append(marks, fmt.Sprint(b.MessageReaction.GetActor().GetUser(), b.MessageReaction.GetMessage(), b.MessageReaction.GetReaction()))
			case *eventv1.Fact_TopicService:
				named = named || b.TopicService.GetNamed()
			}
		}
		return len(edits) == 3 && slices.Contains(marks, unmarked) && named
	})
	for _, want := range []string{
		fmt.Sprint(anna.ID(), early), fmt.Sprint(topic.ID, answer.ID, false), fmt.Sprint(topic.ID, reply.ID, true),
	} {
		if !slices.Contains(edits, want) {
			t.Errorf("edits %q, not %q", edits, want)
		}
	}
	fire := slices.Index(marks, fmt.Sprint(op.ID(), answer.ID, tg.ReactionNumber("🔥")))
	if gone := slices.Index(marks, unmarked); fire < 0 || gone < fire {
		t.Errorf("reactions %q", marks)
	}
	if got := r.profiles.of(anna.ID()).GetTitle(); got != "Canary & Co" {
		t.Errorf("title %q", got)
	}
	for _, c := range []struct {
		chat, message int64
		says          string
	}{
		{anna.ID(), early, "canary, better"}, {answer.Chat, answer.ID, "canary answer, better"}, {answer.Chat, reply.ID, ""},
	} {
		raw, held := r.intake.contents.get(contentKey{testConnection, c.chat, c.message})
		m, _ := parseObject(raw)
		if held != (c.says != "") || m.text("text") != c.says || held && m.int("message_id") != c.message {
			t.Errorf("of message %d in %d is held: %s", c.message, c.chat, raw)
		}
	}
}

// The group becomes another one while messages flow: both are read, whichever way updates come.
func TestOnSimulatorMigration(t *testing.T) {
	for _, source := range []string{polling, sourceWebhook} {
		t.Run(source, func(t *testing.T) {
			h := newHookRig(t)
			r, _, bot, group := newSimulated(t, Config{WebhookURL: h.server.URL})
			h.server.Config.Handler = hookMux(r)
			op := group.NewOperator("Olga Canary")
			before := op.SendIn(op.CreateTopic("canary").ID, simulator.Text("canary before"))
			moved := group.Migrate()
			op = moved.NewOperator("Olga Canary")
			after := op.SendIn(op.CreateTopic("canary").ID, simulator.Text("canary after"))
			startSimulated(t, r, bot, group, source)
			eventually(t, "delivery", func() bool { return bot.Pending() == 0 })
			wrote, migrated := map[int64]int64{}, 0
			for _, f := range r.all() {
				noBody(t, reading{fact: f})
				if m := f.GetGroupMessage(); m != nil {
					wrote[m.GetChat()] = m.GetMessage()
				}
				if m := f.GetGroupMigration(); m != nil {
					migrated++
					if m.GetFrom() != group.ID() || m.GetTo() != moved.ID() {
						t.Errorf("migration %v", m)
					}
				}
			}
			if wrote[group.ID()] != before.ID || wrote[moved.ID()] != after.ID || migrated == 0 {
				t.Errorf("messages %v, %d migrations", wrote, migrated)
			}
		})
	}
}
