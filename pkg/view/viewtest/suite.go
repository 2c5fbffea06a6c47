package viewtest

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/pkg/view"
)

// patience bounds every wait of the suite.
const patience = 30 * time.Second

// Run is the conformance suite of pkg/view. open returns an empty store, which the suite closes; it is called once
// for every part. The suite is content with few documents and one writer at a time, so that simple servers can be
// tested as well.
func Run(t *testing.T, open func(t *testing.T) *view.Store) {
	parts := []struct {
		name string
		test func(*testing.T, *view.Store)
	}{
		{"guard", testGuard},
		{"checkpoint", testCheckpoint},
		{"round trip", testRoundTrip},
		{"unicode", testUnicode},
		{"big documents", testBig},
		{"queries", testQueries},
		{"paging", testPaging},
		{"paging while documents change", testPagingChanges},
		{"refusals", testRefusals},
		{"replay", testReplay},
		{"documents ahead of checkpoint", testAhead},
		{"crashes", testCrashes},
		{"two streams", testTwoStreams},
		{"delete and replay", testDelete},
		{"tiny cache", testTinyCache},
		{"wait", testWait},
		{"wait without projector", testWaitRemote},
		{"poison", testPoison},
		{"outage", testOutage},
		{"fence", testFence},
		{"rebuild under load", testRebuild},
		{"switch", testSwitch},
		{"rollback", testRollback},
		{"version", testVersion},
		{"index change", testIndexChange},
		{"incarnation", testIncarnation},
		{"truncated log", testTruncated},
		{"verify", testVerify},
		{"concurrent readers", testReaders},
	}
	for _, p := range parts {
		t.Run(p.name, func(t *testing.T) {
			s := open(t)
			t.Cleanup(func() {
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				if err := s.Close(ctx); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			p.test(t, s)
		})
	}
}

// Dialog is the document of the suite.
type Dialog struct {
	ID      string            `json:"id"`
	Conn    string            `json:"conn"`
	Status  string            `json:"status"`
	Topic   int64             `json:"topic"`
	Updated view.Millis       `json:"updated"`
	Score   float64           `json:"score"`
	Banned  bool              `json:"banned"`
	Sum     int64             `json:"sum"`
	Title   string            `json:"title,omitempty"`
	Labels  []string          `json:"labels"`
	Counts  map[string]int    `json:"counts,omitempty"`
	At      time.Time         `json:"at,omitzero"`
	Ref     *int64            `json:"ref"`
	Ratio   []float64         `json:"ratio,omitempty"`
	Nested  map[string]Nested `json:"nested,omitempty"`
}

// Nested is a document within Dialog.
type Nested struct {
	N  uint32   `json:"n"`
	On bool     `json:"on"`
	L  []string `json:"l"`
}

func schema(version int) view.Schema {
	return view.Schema{Name: "dialogs", Version: version, Indexes: []view.Index{
		{"conn", "status", "updated"}, {"updated"}, {"topic"}, {"score"}, {"banned", "conn"}, {"sum"}, {"id"},
	}}
}

func collection(t *testing.T, s *view.Store, version int) *view.Collection[Dialog] {
	t.Helper()
	c, err := view.NewCollection[Dialog](s, schema(version))
	must(t, err)
	return c
}

// event is what the suite's streams carry.
type event struct {
	Do  string `json:"do"` // add, put, del, fail
	ID  string `json:"id"`
	N   int64  `json:"n,omitempty"`
	Doc Dialog `json:"doc,omitzero"`
}

func send(t *testing.T, l *Log, e event) uint64 {
	t.Helper()
	raw, err := json.Marshal(e)
	must(t, err)
	return l.Append("desk."+e.ID, raw)
}

var errPoison = errors.New("poison")

// project adds up numbers, so that an event applied twice or not at all shows.
func project(ctx context.Context, b *view.Batch[Dialog], r view.Record) error {
	var e event
	if err := json.Unmarshal(r.Data, &e); err != nil {
		return err
	}
	switch e.Do {
	case "add":
		return b.Update(ctx, e.ID, func(d *Dialog, exists bool) error {
			if !exists {
				d.ID, d.Conn, d.Status = e.ID, "c_1", "open"
			}
			d.Sum += e.N
			d.Topic++
			return nil
		})
	case "put":
		return b.Put(ctx, e.ID, e.Doc)
	case "del":
		return b.Delete(ctx, e.ID)
	}
	return errPoison
}

// running is a projector at work.
type running struct {
	*view.Projector[Dialog]
	stop func() error // ends Run and returns its error
}

// start runs a projector until stop or the end of the test.
func start(t *testing.T, c *view.Collection[Dialog], o view.Options, sources ...view.Source) running {
	t.Helper()
	return startWith(t, c, project, o, sources...)
}

func startWith(t *testing.T, c *view.Collection[Dialog], f view.ProjectFunc[Dialog], o view.Options,
	sources ...view.Source) running {
	t.Helper()
	if o.Retry == nil {
		o.Retry = func(err error) { t.Logf("retry: %v", err) }
	}
	p, err := view.NewProjector(c, f, sources, o)
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	var ended bool
	var result error
	stop := func() error {
		if !ended {
			cancel()
			result, ended = <-done, true
		}
		return result
	}
	t.Cleanup(func() {
		if err := stop(); err != nil && !t.Failed() {
			t.Errorf("projector: %v", err)
		}
	})
	return running{p, stop}
}

// runToEnd waits for Run to end by itself, and returns its error.
func runToEnd(t *testing.T, c *view.Collection[Dialog], f view.ProjectFunc[Dialog], o view.Options,
	sources ...view.Source) error {
	t.Helper()
	p, err := view.NewProjector(c, f, sources, o)
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err = p.Run(ctx)
	if ctx.Err() != nil {
		t.Fatal("projector did not end")
	}
	return err
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

// reach waits until the view has applied stream up to seq.
func reach(t *testing.T, c *view.Collection[Dialog], stream string, seq uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	must(t, c.WaitFor(ctx, stream, seq))
}

// eventually polls until ok, with a deadline.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// sum reads the total of one document.
func sum(t *testing.T, c *view.Collection[Dialog], id string) int64 {
	t.Helper()
	d, err := c.Get(t.Context(), id)
	must(t, err)
	return d.Sum
}
