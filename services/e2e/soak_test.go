package e2e

import (
	"flag"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hotline-desk/hotline/services/simulator"
)

const (
	// soakRuns is how many conversations a test run plays, over all worlds; the environment may ask for another number, and
	// then the dice are thrown anew each time.
	soakRuns   = 1_000
	soakEnv    = "HOTLINE_TEST_SOAK_RUNS"
	soakWorlds = 4
	soakSeed   = "20261126"
	// soakPatience is how long a conversation may take to come to rest: a desk that was killed is back within seconds.
	soakPatience = 45 * time.Second
)

// TestConversations plays random conversations – customers, operators, edits, deletions, blocks, topics touched by hand,
// a faulty Telegram, a desk that is killed – on desks that live through all of them, and has the checker judge each one.
func TestConversations(t *testing.T) {
	t.Parallel()
	runs, seed := soakRuns, soakSeed
	if asked := os.Getenv(soakEnv); asked != "" {
		n, err := strconv.Atoi(asked)
		if err != nil || n < soakWorlds {
			t.Fatalf("%s: %q is no number of runs", soakEnv, asked)
		}
		runs, seed = n, "0"
	}
	set(t, "rapid.checks", strconv.Itoa(runs/soakWorlds))
	set(t, "rapid.seed", seed)
	for n := range soakWorlds {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			t.Parallel()
			how := allInOne
			if n == soakWorlds-1 {
				how = split
			}
			w := quiet(t, how)
			rapid.Check(t, func(rt *rapid.T) {
				for range n {
					rapid.Uint64().Draw(rt, "another world") // the worlds share a seed
				}
				w.converse(rt)
			})
			w.end()
		})
	}
}

func set(t *testing.T, name, value string) {
	t.Helper()
	if err := flag.Set(name, value); err != nil {
		t.Fatal(err)
	}
}

// talk is one conversation.
type talk struct {
	*world
	rt    *rapid.T
	all   []*simulator.Customer
	wrote map[int64][]int64 // what the operator wrote, by topic
	fault []int
	doubt bool // an answer of Telegram's may have been lost
}

// converse plays one conversation of a few customers and waits until the checker is content.
func (w *world) converse(rt *rapid.T) {
	k := &talk{world: w, rt: rt, wrote: map[int64][]int64{}}
	for range rapid.IntRange(1, 3).Draw(rt, "customers") {
		c := w.customer("Soak")
		k.all = append(k.all, c)
		if rapid.IntRange(0, 3).Draw(rt, "known") > 0 { // mostly somebody whom the team can answer
			k.copied(c, c.Send(k.says("first contact")))
		}
	}
	for range rapid.IntRange(2, 14).Draw(rt, "steps") {
		k.step(k.all[rapid.IntRange(0, len(k.all)-1).Draw(rt, "who")])
	}
	for _, id := range k.fault {
		w.RemoveFault(id)
	}
	for _, c := range k.all {
		c.Unblock()
	}
	k.judge()
}

// judge waits until nothing is wrong with the customers of this conversation. An album whose items a kill, a fault or a slow disk
// keeps more than a second apart comes in parts; scenarios of their own ask for whole ones.
func (k *talk) judge() {
	deadline := time.Now().Add(soakPatience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var wrong []simulator.Violation
		for _, v := range k.Check(simulator.CheckOptions{Max: 1_000_000, EditsMirrored: true, AllowSplitAlbums: true}) {
			if v.Kind == simulator.WrongReply && k.doubt {
				continue // the copy that is answered may be one whose answer was lost: nobody knows what it is a copy of
			}
			if slices.ContainsFunc(k.all, func(c *simulator.Customer) bool { return c.ID() == v.Customer || c.ID() == v.Source.Chat }) {
				wrong = append(wrong, v)
			}
		}
		if len(wrong) == 0 {
			return
		}
		if time.Now().After(deadline) {
			k.rt.Fatalf("%d violations, first: %v", len(wrong), wrong[0])
		}
		<-tick.C
	}
}

// step does one thing.
func (k *talk) step(c *simulator.Customer) {
	if rapid.IntRange(0, 2).Draw(k.rt, "pause") == 0 {
		k.judge() // things have come to rest
	}
	steps := []func(*simulator.Customer){
		k.customerWrites, k.customerWrites, k.customerWrites, k.customerReplies, k.customerEdits, k.customerReacts,
		k.operatorWrites, k.operatorWrites, k.operatorWrites, k.operatorEdits, k.operatorCommands, k.operatorComments,
		k.operatorDeletes, k.operatorReacts, k.topicByHand, k.blocks, k.telegramFails, k.deskDies,
	}
	steps[rapid.IntRange(0, len(steps)-1).Draw(k.rt, "step")](c)
}

func (k *talk) content() simulator.Content {
	contents := []func() simulator.Content{
		func() simulator.Content { return k.says("text") }, func() simulator.Content { return k.says("more") },
		func() simulator.Content { return simulator.Photo(k.text("photo")) },
		func() simulator.Content { return simulator.Voice(k.text("voice")) },
		func() simulator.Content { return simulator.Document(k.text("file")+".pdf", k.text("document")) },
		func() simulator.Content { return simulator.Sticker("🐈") },
		func() simulator.Content { return simulator.PaidMedia(k.text("paid")) },
		func() simulator.Content { return k.says("protected").Protected() },
	}
	return contents[rapid.IntRange(0, len(contents)-1).Draw(k.rt, "content")]()
}

func (k *talk) customerWrites(c *simulator.Customer) {
	if rapid.IntRange(0, 4).Draw(k.rt, "album") == 0 {
		c.SendAlbum(simulator.Photo(k.text("one")), simulator.Photo(k.text("two")), simulator.Photo(k.text("three")))
		return
	}
	c.Send(k.content())
}

func (k *talk) pick(list []simulator.Message, what string) (simulator.Message, bool) {
	if len(list) == 0 {
		return simulator.Message{}, false
	}
	return list[rapid.IntRange(0, len(list)-1).Draw(k.rt, what)], true
}

func (k *talk) customerReplies(c *simulator.Customer) {
	if to, ok := k.pick(c.Messages(), "to"); ok {
		c.Reply(to.ID, k.says("a reply"))
	}
}

func (k *talk) customerEdits(c *simulator.Customer) {
	own := slices.DeleteFunc(c.Messages(), func(m simulator.Message) bool { return m.FromBot || m.Kind != simulator.KindText })
	if m, ok := k.pick(own, "edit"); ok {
		c.Edit(m.ID, k.says("edited"))
	}
}

func (k *talk) customerReacts(c *simulator.Customer) {
	if m, ok := k.pick(c.Inbox(), "react to"); ok {
		c.React(m.ID, "👍")
	}
}

// topicOf waits for nothing: an operator can only write in a topic that is there.
func (k *talk) topicOf(c *simulator.Customer) (int64, bool) {
	topic, ok := k.group.TopicOf(c)
	return topic.ID, ok
}

func (k *talk) operatorWrites(c *simulator.Customer) {
	topic, ok := k.topicOf(c)
	if !ok {
		return
	}
	var m simulator.Message
	copies := slices.DeleteFunc(k.group.Messages(topic), func(m simulator.Message) bool { return !m.FromBot || m.Source.ID == 0 })
	if to, ok := k.pick(copies, "to"); ok && rapid.Bool().Draw(k.rt, "as a reply") {
		m = k.op.Reply(to.ID, k.says("an answer"))
	} else {
		m = k.op.SendIn(topic, k.content())
	}
	if m.ID != 0 {
		k.wrote[topic] = append(k.wrote[topic], m.ID)
	}
}

func (k *talk) operatorEdits(c *simulator.Customer) {
	topic, ok := k.topicOf(c)
	if own := k.wrote[topic]; ok && len(own) > 0 {
		id := own[rapid.IntRange(0, len(own)-1).Draw(k.rt, "edit")]
		if m, ok := k.group.Message(id); ok && m.Kind == simulator.KindText {
			k.op.Edit(id, k.says("edited answer"))
		}
	}
}

func (k *talk) operatorDeletes(c *simulator.Customer) {
	topic, ok := k.topicOf(c)
	if own := k.wrote[topic]; ok && len(own) > 0 {
		k.op.Reply(own[rapid.IntRange(0, len(own)-1).Draw(k.rt, "delete")], simulator.Text("/del"))
	}
}

func (k *talk) operatorReacts(c *simulator.Customer) {
	topic, ok := k.topicOf(c)
	if !ok {
		return
	}
	if m, ok := k.pick(k.group.Messages(topic), "react to"); ok {
		k.op.React(m.ID, "🔥")
	}
}

func (k *talk) operatorCommands(c *simulator.Customer) {
	if topic, ok := k.topicOf(c); ok {
		command := rapid.SampledFrom([]string{"/hold", "/wait", "/close", "/open", "/help", "/clsoe"}).Draw(k.rt, "command")
		k.op.SendIn(topic, simulator.Text(command))
	}
}

func (k *talk) operatorComments(c *simulator.Customer) {
	if topic, ok := k.topicOf(c); ok {
		k.op.SendIn(topic, simulator.Text("/ "+k.text("for us")))
	}
}

func (k *talk) topicByHand(c *simulator.Customer) {
	topic, ok := k.topicOf(c)
	if !ok {
		return
	}
	owner := k.group.Owner()
	switch rapid.IntRange(0, 3).Draw(k.rt, "by hand") {
	case 0:
		owner.CloseTopic(topic)
	case 1:
		owner.ReopenTopic(topic)
	case 2:
		owner.RenameTopic(topic, k.text("named"))
	case 3:
		k.group.DeleteTopic(topic)
		c.Send(k.says("is anybody there?"))
	}
}

func (k *talk) blocks(c *simulator.Customer) {
	if rapid.Bool().Draw(k.rt, "block") {
		c.Block()
		return
	}
	c.Unblock()
}

func (k *talk) telegramFails(*simulator.Customer) {
	f := rapid.SampledFrom([]simulator.Fault{
		{Kind: simulator.FaultStatus, Status: 502},
		{Kind: simulator.FaultStatus, Status: 500, Executed: true},
		{Kind: simulator.FaultDrop},
		{Kind: simulator.FaultExecuteDrop},
		{Kind: simulator.FaultTooMany, RetryAfter: 1},
		{Kind: simulator.FaultSlow, Delay: 100 * time.Millisecond},
	}).Draw(k.rt, "fault")
	f.Method = rapid.SampledFrom([]string{"copyMessage", "copyMessages", "sendMessage", "createForumTopic", "editMessageText", "getUpdates"}).Draw(k.rt, "method")
	f.Times = 1
	k.doubt = k.doubt || f.Executed || f.Kind == simulator.FaultExecuteDrop
	k.fault = append(k.fault, k.AddFault(f))
}

// deskDies kills the desk now and then, so that it stays the exception that it is.
func (k *talk) deskDies(*simulator.Customer) {
	if rapid.IntRange(0, 3).Draw(k.rt, "dies") != 0 {
		return
	}
	k.doubt = true
	k.desk.kill()
	k.desk.start(k.t)
}
