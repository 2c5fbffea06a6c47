package relay

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
	"google.golang.org/protobuf/proto"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/es"
	"github.com/hotline-desk/hotline/pkg/eventlog"
	"github.com/hotline-desk/hotline/pkg/telemetry"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

const (
	testConn  = "c_1"
	testGroup = int64(-1001)
)

// memory is an event log in memory: what relay needs of one, with the same promises.
type memory struct {
	mu      sync.Mutex
	grown   *sync.Cond
	commits []eventlog.Committed
	nos     map[laneKey]uint64
	topics  map[string]*eventv1.TopicRecord
	threads map[int64]string
	entries []*eventv1.JournalEntry
	facts   []*eventv1.Fact
	causes  map[string]bool
	params  *eventv1.Parameters
	broken  error            // of appends to the journal, when set
	origin  telemetry.Origin // of the commits made from now on
}

func newMemory() *memory {
	m := &memory{
		nos: map[laneKey]uint64{}, topics: map[string]*eventv1.TopicRecord{}, threads: map[int64]string{}, causes: map[string]bool{},
		params: &eventv1.Parameters{Welcome: "Hello *{title}*"},
	}
	m.grown = sync.NewCond(&m.mu)
	return m
}

func (m *memory) commit(aggregate, id string, events ...*eventv1.Event) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, event := range events {
		if d := event.GetDeliveryRequested(); d != nil {
			key := laneKey{id, d.Lane}
			m.nos[key]++
			d.LaneNo = m.nos[key]
		}
	}
	seq := uint64(len(m.commits) + 1)
	m.commits = append(m.commits, eventlog.Committed{
		Seq: seq, Key: es.Key{Aggregate: aggregate, Connection: testConn, ID: id},
		Commit: &eventv1.Commit{Events: events, ParamsSeq: 1}, Time: time.Now(), Origin: m.origin,
	})
	m.grown.Broadcast()
	return seq
}

func (m *memory) ReadDesk(ctx context.Context, _ string, from uint64, each func(eventlog.Committed) error, caught func()) error {
	stop := context.AfterFunc(ctx, m.grown.Broadcast)
	defer stop()
	m.mu.Lock()
	tail := uint64(len(m.commits))
	m.mu.Unlock()
	told := false
	for at := max(from, 1); ; at++ {
		if at > tail && !told {
			told = true
			caught()
		}
		m.mu.Lock()
		for uint64(len(m.commits)) < at && ctx.Err() == nil {
			m.grown.Wait()
		}
		if ctx.Err() != nil {
			m.mu.Unlock()
			return ctx.Err()
		}
		c := m.commits[at-1]
		m.mu.Unlock()
		if err := each(c); err != nil {
			return err
		}
	}
}

func (m *memory) NextOf(_ context.Context, key es.Key, from uint64) (eventlog.Committed, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for at := max(from, 1); at <= uint64(len(m.commits)); at++ {
		if m.commits[at-1].Key == key {
			return m.commits[at-1], nil
		}
	}
	return eventlog.Committed{}, es.ErrNotFound
}

func (m *memory) Commit(_ context.Context, seq uint64) (eventlog.Committed, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if seq == 0 || seq > uint64(len(m.commits)) {
		return eventlog.Committed{}, es.ErrNotFound
	}
	return m.commits[seq-1], nil
}

func (m *memory) ParametersAt(context.Context, uint64) (*eventv1.Parameters, error) {
	return m.params, nil
}

func (m *memory) TopicOf(_ context.Context, _, dialog string) (*eventv1.TopicRecord, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t := m.topics[dialog]; t != nil {
		return proto.CloneOf(t), nil
	}
	return nil, es.ErrNotFound
}

func (m *memory) DialogOf(_ context.Context, _ string, thread int64) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if d, ok := m.threads[thread]; ok {
		return d, nil
	}
	return "", es.ErrNotFound
}

func (m *memory) PutTopic(_ context.Context, _, dialog string, record *eventv1.TopicRecord) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.topics[dialog], m.threads[record.Thread] = proto.CloneOf(record), dialog
	return nil
}

func (m *memory) DropTopic(_ context.Context, _, dialog string, thread int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.threads, thread)
	if m.topics[dialog].GetThread() == thread {
		delete(m.topics, dialog)
	}
	return nil
}

func (m *memory) Last(context.Context) (uint64, *eventv1.JournalEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := len(m.entries)
	if n == 0 {
		return 0, nil, es.ErrNotFound
	}
	return uint64(n), m.entries[n-1], nil
}

func (m *memory) Replay(_ context.Context, from uint64, each func(uint64, time.Time, *eventv1.JournalEntry) error) error {
	m.mu.Lock()
	entries := m.entries
	m.mu.Unlock()
	for at := max(from, 1); at <= uint64(len(entries)); at++ {
		if err := each(at, time.Now(), entries[at-1]); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) Append(_ context.Context, expected uint64, e *eventv1.JournalEntry) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return 0, m.broken
	}
	if expected != uint64(len(m.entries)) {
		return 0, es.ErrConflict
	}
	m.entries = append(m.entries, proto.CloneOf(e))
	return uint64(len(m.entries)), nil
}

func (m *memory) PublishFact(_ context.Context, fact *eventv1.Fact, place string) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	text := es.CauseText(fact.GetCause())
	if place != "relay" {
		return 0, errors.New("wrong place")
	}
	if !m.causes[text] {
		m.causes[text] = true
		m.facts = append(m.facts, fact)
	}
	return uint64(len(m.facts)), nil
}

func (m *memory) reports() []*eventv1.DeliveryFailed {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []*eventv1.DeliveryFailed
	for _, f := range m.facts {
		out = append(out, f.GetDeliveryFailed())
	}
	return out
}

func (m *memory) records() []*eventv1.JournalRecord {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []*eventv1.JournalRecord
	for _, e := range m.entries {
		out = append(out, e.GetRecords()...)
	}
	return out
}

func (m *memory) WatchConnections(ctx context.Context, each func(*eventv1.ConnectionRecord) error, caught func()) error {
	record := &eventv1.ConnectionRecord{Connection: testConn, Configured: &eventv1.ConnectionConfigured{Bot: 1, Group: testGroup, Owner: 99}, ParamsSeq: 1}
	if err := each(record); err != nil {
		return err
	}
	caught()
	<-ctx.Done()
	return ctx.Err()
}

func (m *memory) Get(_ context.Context, _ string, user int64) (*eventv1.Profile, error) {
	return &eventv1.Profile{FirstName: "Anna_" + strconv.FormatInt(user, 10)}, nil
}

func (m *memory) Token(context.Context, string) (config.Secret, error) {
	return config.NewSecret("1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), nil
}

// tenure is a lease of the fake log: whoever runs has it, for as long as told.
type tenure struct{}

func (tenure) Run(ctx context.Context, held func(context.Context) error) error {
	err := held(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func (tenure) Margin() time.Duration { return time.Hour }

func testDeps(m *memory, api Caller) Deps {
	return Deps{
		Desk: m, Topics: m, Facts: m, Connections: m, Profiles: m, Secrets: m,
		Journal: func(string) Journal { return m },
		Lease:   func(string, time.Duration) Lease { return tenure{} },
		Caller:  func(config.Secret) Caller { return api },
	}
}

// start runs a relay over the fakes until the test ends or stop is called.
func start(t *testing.T, m *memory, api Caller, change ...func(*Config, *Deps)) (r *Relay, stop func()) {
	t.Helper()
	cfg := Config{CallTimeout: 5 * time.Second, OrphanWait: time.Second}
	deps := testDeps(m, api)
	deps.Logger = zaptest.NewLogger(t, zaptest.Level(zap.InfoLevel))
	for _, f := range change {
		f(&cfg, &deps)
	}
	r, err := New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("relay ended with %v", err)
			}
		case <-time.After(15 * time.Second):
			t.Error("relay did not stop")
		}
	})
	t.Cleanup(stop)
	return r, stop
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
		<-tick.C
	}
}

func copyOf(lane eventv1.Lane, chat, message int64, album string) *eventv1.Event {
	return deliver(lane, &eventv1.DeliveryRequested{Content: &eventv1.DeliveryRequested_Copy{Copy: &eventv1.Copy{
		Source: &eventv1.MessageRef{Chat: chat, Message: message}, Kind: eventv1.Kind_KIND_TEXT, Album: album}}})
}

func deliver(lane eventv1.Lane, d *eventv1.DeliveryRequested) *eventv1.Event {
	d.Lane = lane
	return &eventv1.Event{Body: &eventv1.Event_DeliveryRequested{DeliveryRequested: d}}
}

func status(to eventv1.Status) *eventv1.Event {
	return &eventv1.Event{Body: &eventv1.Event_StatusChanged{StatusChanged: &eventv1.StatusChanged{To: to}}}
}
