package relay

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/es"
	"github.com/hotline-desk/hotline/pkg/eventlog"
	"github.com/hotline-desk/hotline/pkg/natsd"
	"github.com/hotline-desk/hotline/pkg/seal"
	"github.com/hotline-desk/hotline/pkg/view"
	apiv1 "github.com/hotline-desk/hotline/proto/gen/hotline/api/v1"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
	"github.com/hotline-desk/hotline/services/simulator"
)

// world is a real event log, a simulated Telegram, and commits made by hand.
type world struct {
	t     testing.TB
	sim   *simulator.Server
	bot   *simulator.Bot
	group *simulator.Group
	log   *eventlog.Log
	seal  *seal.Sealer
	views *view.Store

	mu    sync.Mutex
	tails map[string]uint64 // of dialogs
	nos   map[laneKey]uint64
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, sim: simulator.ForTest(t, simulator.Config{}), tails: map[string]uint64{}, nos: map[laneKey]uint64{}}
	w.bot = w.sim.NewBot("desk")
	w.group = w.sim.NewGroup(simulator.GroupOptions{Bots: []*simulator.Bot{w.bot}})
	server, err := natsd.Start(t.Context(), natsd.Config{Dir: filepath.Join(t.TempDir(), "log"), Durability: natsd.Interval})
	w.must(err)
	t.Cleanup(server.Stop)
	nc, err := server.Connect("test")
	w.must(err)
	t.Cleanup(nc.Close)
	w.log, err = eventlog.Open(t.Context(), nc, eventlog.Options{Replicas: 1, Logger: zap.NewNop()})
	w.must(err)
	t.Cleanup(w.log.Close)
	w.views, err = view.Open(t.Context(), view.Config{Path: filepath.Join(t.TempDir(), "views.db")})
	w.must(err)
	t.Cleanup(func() {
		if err := w.views.Close(context.Background()); err != nil {
			t.Errorf("close views: %v", err)
		}
	})
	w.seal, err = seal.New(seal.NewKey())
	w.must(err)
	w.must(w.log.Secrets(w.seal).PutToken(t.Context(), testConn, config.NewSecret(w.bot.Token())))
	w.must(w.log.PutConnection(t.Context(), w.record()))
	return w
}

func (w *world) record() *eventv1.ConnectionRecord {
	return &eventv1.ConnectionRecord{
		Connection: testConn, Seq: 1, ParamsSeq: 1,
		Configured: &eventv1.ConnectionConfigured{Bot: w.bot.ID(), Group: w.group.ID()},
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) commit(dialog int64, events ...*eventv1.Event) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	id := strconv.FormatInt(dialog, 10)
	for _, event := range events {
		if d := event.GetDeliveryRequested(); d != nil {
			key := laneKey{id, d.Lane}
			w.nos[key]++
			d.LaneNo = w.nos[key]
		}
	}
	key := es.Key{Aggregate: "dialog", Connection: testConn, ID: id}
	seq, err := w.log.Store().Append(w.t.Context(), key, w.tails[id], &eventv1.Commit{
		Id: fmt.Sprint(id, "-", w.tails[id]), At: timestamppb.Now(), Events: events})
	w.must(err)
	w.tails[id] = seq
}

// writes lets a customer write, and dialog accept it.
func (w *world) writes(c *simulator.Customer, text string) simulator.Message {
	m := c.Send(simulator.Text(text))
	w.commit(c.ID(), status(eventv1.Status_STATUS_USER_ANSWERED), copyOf(desk, c.ID(), m.ID, ""))
	return m
}

// answers lets an operator answer in the customer's topic, and dialog accept it.
func (w *world) answers(op *simulator.Operator, c *simulator.Customer, text string) simulator.Message {
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	topic, err := w.group.WaitTopic(ctx, c)
	w.must(err)
	m := op.SendIn(topic.ID, simulator.Text(text))
	w.commit(c.ID(), status(eventv1.Status_STATUS_SUPPORT_ANSWERED), copyOf(customer, w.group.ID(), m.ID, ""))
	return m
}

// relay runs one until the test ends or stop is called.
func (w *world) relay(instance string, views bool, change ...func(*Config)) (r *Relay, stop func()) {
	w.t.Helper()
	cfg := Config{API: w.sim.URL(), LeaseTTL: time.Second, CallTimeout: 5 * time.Second}
	for _, f := range change {
		f(&cfg)
	}
	deps := Deps{Logger: zaptest.NewLogger(w.t, zaptest.Level(zap.WarnLevel))}
	if views {
		deps.Views = w.views
	}
	r, err := New(cfg, deps.WithLog(w.log, w.seal, instance))
	w.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				w.t.Errorf("relay ended with %v", err)
			}
		case <-time.After(20 * time.Second):
			w.t.Error("relay did not stop")
		}
	})
	w.t.Cleanup(stop)
	return r, stop
}

func (w *world) settle(o simulator.CheckOptions) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 40*time.Second)
	defer cancel()
	for _, v := range w.sim.Settle(ctx, o) {
		w.t.Error(v)
	}
}

func TestOnSimulatorThroughFaults(t *testing.T) {
	w := newWorld(t)
	for _, f := range []simulator.Fault{
		{Kind: simulator.FaultTooMany, Method: "copyMessage", Nth: 7, RetryAfter: 1},
		{Kind: simulator.FaultExecuteDrop, Method: "copyMessage", Nth: 12},
		{Kind: simulator.FaultDrop, Method: "copyMessage", Nth: 26},
		{Kind: simulator.FaultStatus, Method: "copyMessage", Nth: 40, Status: 502},
		{Kind: simulator.FaultStatus, Method: "editForumTopic", Nth: 2, Status: 502},
		{Kind: simulator.FaultStatus, Method: "createForumTopic", Nth: 3, Status: 500},
	} {
		w.sim.AddFault(f)
	}
	r, _ := w.relay("a", true)
	op := w.group.NewOperator("Olga")
	var customers []*simulator.Customer
	var first simulator.Message
	for i := range 8 {
		c := w.sim.NewCustomer(fmt.Sprint("Customer", i))
		customers = append(customers, c)
		for k := range 4 {
			m := w.writes(c, fmt.Sprint("question ", k))
			if i == 0 && k == 0 {
				first = m
			}
		}
	}
	for _, c := range customers {
		for k := range 2 {
			w.answers(op, c, fmt.Sprint("answer ", k))
		}
	}
	w.settle(simulator.CheckOptions{MaxDuplicates: 1}) // the one executed and dropped; dialog would mark it
	lookups(t, w, r, customers[0], first)
}

func lookups(t *testing.T, w *world, r *Relay, c *simulator.Customer, m simulator.Message) {
	t.Helper()
	last, _, err := w.log.Journal(testConn).Last(t.Context())
	w.must(err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	api := &server{relay: r}
	source := &eventv1.MessageRef{Chat: c.ID(), Message: m.ID}
	found, err := api.GetDelivery(ctx, &apiv1.GetDeliveryRequest{Connection: testConn, Source: source, MinSeq: last})
	w.must(err)
	if found.State != apiv1.DeliveryState_DELIVERY_STATE_DONE || found.LaneNo != 1 || found.Copy.GetChat() != w.group.ID() {
		t.Fatalf("delivery %v", found)
	}
	for _, memory := range []*recent{r.recent, newRecent(8)} { // from memory, and from the view
		r.recent = memory
		for _, asked := range []*eventv1.MessageRef{source, found.Copy} {
			links, err := api.GetLinks(ctx, &apiv1.GetLinksRequest{Connection: testConn, Message: asked})
			w.must(err)
			if links.Original.GetMessage() != m.ID || len(links.Copies) != 1 || links.Copies[0].GetMessage() != found.Copy.GetMessage() {
				t.Fatalf("links of %v: %v", asked, links)
			}
		}
	}
	if _, err := api.GetLinks(ctx, &apiv1.GetLinksRequest{Connection: testConn, Message: &eventv1.MessageRef{Chat: 1, Message: 1}}); err == nil {
		t.Error("links of a message that nobody knows")
	}
}

func TestOnSimulatorTakenOverAndBack(t *testing.T) {
	w := newWorld(t)
	var customers []*simulator.Customer
	for i := range 6 {
		customers = append(customers, w.sim.NewCustomer(fmt.Sprint("Customer", i)))
	}
	_, stop := w.relay("a", false)
	for round := range 4 {
		for _, c := range customers {
			for k := range 5 {
				w.writes(c, fmt.Sprint("round ", round, " question ", k))
			}
		}
		before := stop
		_, stop = w.relay(string(rune('b'+round)), false) // stands by until the former owner lets go
		before()
	}
	w.settle(simulator.CheckOptions{})
	journalIsSound(t, w)
}

// journalIsSound: epochs only grow, every number is claimed after its predecessor has a result, and settled once.
func journalIsSound(t *testing.T, w *world) {
	t.Helper()
	done := map[laneKey]uint64{}
	var epoch uint64
	w.must(w.log.Journal(testConn).Replay(t.Context(), 1, func(seq uint64, _ time.Time, e *eventv1.JournalEntry) error {
		if e.Epoch < epoch {
			t.Errorf("epoch %d after %d at %d", e.Epoch, epoch, seq)
		}
		epoch = e.Epoch
		for _, record := range e.Records {
			if s := record.GetStarted().GetDelivery(); s != nil && s.FirstNo != done[laneKey{s.Dialog, s.Lane}]+1 {
				t.Errorf("%v claimed after %d", s, done[laneKey{s.Dialog, s.Lane}])
			}
			if d := record.GetDone().GetDelivery(); d != nil {
				done[laneKey{d.Dialog, d.Lane}] = d.LastNo
			}
		}
		return nil
	}))
}

func TestOnSimulatorAlbumAndLimits(t *testing.T) {
	w := newWorld(t)
	w.sim.SetLimits(simulator.Limits{PrivatePerSecond: 5, PrivateBurst: 2})
	w.relay("a", false)
	op := w.group.NewOperator("Olga")
	c := w.sim.NewCustomer("Anna")
	w.writes(c, "hello")
	for range 8 {
		w.answers(op, c, "answer")
	}
	var events []*eventv1.Event
	for _, m := range c.SendAlbum(simulator.Photo("one"), simulator.Photo("two"), simulator.Photo("three")) {
		events = append(events, copyOf(desk, c.ID(), m.ID, m.Album))
	}
	w.commit(c.ID(), events...)
	w.settle(simulator.CheckOptions{})
	if stats := w.sim.LimitStats(); stats.Ignored > 0 {
		t.Errorf("%d calls before their time", stats.Ignored)
	}
	topic, _ := w.group.TopicOf(c)
	if !strings.HasPrefix(topic.Name, "🟨 ") {
		t.Errorf("topic is called %q", topic.Name)
	}
}
