package relay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/hotline-desk/hotline/pkg/eventlog"
	"github.com/hotline-desk/hotline/pkg/tg"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

const (
	readAhead   = 256             // commits and events that wait for the owner
	asideLimit  = 32              // reads and writes of the log that run beside it
	callsTime   = 5 * time.Second // for calls under way when it has to stop
	marginWait  = 100 * time.Millisecond
	inMemory    = 20_000 // requests of one side kept in memory, over all lanes
	cachedTopic = 50_000
)

// StopTime bounds a clean stop: calls under way end, and their outcome and a last snapshot are written.
const StopTime = 8 * time.Second

// errFenced: the journal belongs to somebody else.
var errFenced = errors.New("the connection has another owner")

// owner runs one connection for as long as it holds the lease. All its state belongs to the goroutine of run, which never
// waits for anything but its channels: calls, appends and lookups run beside it and post their outcome as a function.
type owner struct {
	*connection
	log     *zap.Logger
	journal Journal
	lease   Lease
	api     Caller
	group   int64 // the backend group as it is called now

	events  chan func()
	commits chan incoming
	gone    chan struct{}
	beside  sync.WaitGroup

	lanes    map[laneKey]*lane
	settled  map[laneKey]uint64 // results known from the journal, until the reader has passed them
	held     map[eventv1.Lane]int
	position uint64
	reads    int // commits read so far
	caught   bool
	opened   time.Time // when caught
	dry      map[eventv1.Lane][]*lane
	doubt    int // requests without a result, as far as known
	fetching int
	albums   []albumDue

	sched     *tg.Scheduler[*job]
	flying    int
	wake      time.Time
	suspended bool
	probing   bool
	dark      standstill // while suspended
	stopping  bool
	fatal     error
	trouble   trouble
	making    trouble // with new topics only

	pen      pen
	asides   []func(context.Context) func()
	running  int
	callouts []*job // to be called

	topics    topicBook
	watches   []watch // operators' messages that may come to wait for long
	marks     map[laneKey][]*mark
	fading    map[*mark]struct{} // on their way off
	wishes    map[place]*wish    // reactions on their way to the other side
	taken     map[place]struct{} // operators' messages that are not for the customer any more
	ownerTold string             // what the owner was told last
	backlog   backlog
	pauses    map[int64]time.Time // that Telegram asked for, by chat; 0: in all of them
	gauges    gauges
}

// incoming is a commit, or with a zero Seq the news that all commits of former times have been read.
type incoming struct{ eventlog.Committed }

type albumDue struct {
	lane *lane
	due  time.Time
}

func newOwner(c *connection, api Caller, lease Lease) *owner {
	return &owner{
		connection: c, log: c.logger, journal: c.deps.Journal(c.id), lease: lease, api: api,
		group:  c.record.Load().GetConfigured().GetGroup(),
		events: make(chan func(), readAhead), commits: make(chan incoming, readAhead), gone: make(chan struct{}),
		lanes: map[laneKey]*lane{}, settled: map[laneKey]uint64{}, held: map[eventv1.Lane]int{}, dry: map[eventv1.Lane][]*lane{},
		marks: map[laneKey][]*mark{}, fading: map[*mark]struct{}{}, wishes: map[place]*wish{}, taken: map[place]struct{}{},
		pauses: map[int64]time.Time{},
		sched:  tg.NewScheduler[*job](c.cfg.Limits), topics: newTopicBook(), gauges: c.metrics.of(c.id),
	}
}

// run owns the connection until ctx ends or somebody else takes over.
func (o *owner) run(ctx context.Context) error {
	// Calls under way outlive the lease: their outcome is wanted.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer o.beside.Wait()
	defer close(o.gone)
	defer cancel()
	if err := o.takeOver(ctx); err != nil {
		return fmt.Errorf("take over %s: %w", o.id, err)
	}
	defer o.connection.released()
	o.beside.Go(func() { o.read(ctx) })
	return o.loop(ctx, work, cancel)
}

func (o *owner) loop(ctx, work context.Context, cancel context.CancelFunc) error {
	done := ctx.Done()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for o.fatal == nil {
		o.step(work)
		if o.stopping && o.finished(work) {
			return o.fatal
		}
		o.sleep(timer)
		select {
		case f := <-o.events:
			f()
		case c := <-o.commits:
			o.accept(c)
		case <-timer.C:
		case <-work.Done():
			return o.fatal // calls under way took too long
		case <-done:
			done, o.stopping = nil, true
			stop := time.AfterFunc(callsTime, cancel)
			defer stop.Stop()
		}
		o.drain()
	}
	return o.fatal
}

// drain handles what else has come, so that the journal is written once for all of it.
func (o *owner) drain() {
	for range readAhead {
		select {
		case f := <-o.events:
			f()
		default:
			select {
			case f := <-o.events:
				f()
			case c := <-o.commits:
				o.accept(c)
			default:
				return
			}
		}
	}
}

// step starts whatever can start now.
func (o *owner) step(work context.Context) {
	for again := true; again; again = o.startCalls(work) {
		o.ripen()
		o.markWaiting()
		o.refill()
		o.pump()
	}
	o.watchBacklog()
	o.snapshotWhenDue()
	o.flush(work)
	o.startProbe(work)
	o.startAsides(work)
	o.measure()
}

// finished tells, while stopping, that nothing is under way; the last thing written is a snapshot.
func (o *owner) finished(work context.Context) bool {
	if o.flying > 0 || o.pen.busy || len(o.pen.records) > 0 || o.topics.unsettled > 0 {
		return false
	}
	switch {
	case !o.caught || o.pen.closed == closedAll:
		return true
	case o.pen.closed == closedNot:
		o.pen.closed = closedSnapshot
		o.snapshot()
	default:
		// An entry behind the snapshot names it, so that the next owner begins there.
		o.pen.closed = closedAll
		o.write(o.signature(), nil)
	}
	o.flush(work)
	return false
}

func (o *owner) sleep(timer *time.Timer) {
	at := o.wake
	if len(o.albums) > 0 && (at.IsZero() || o.albums[0].due.Before(at)) {
		at = o.albums[0].due
	}
	if len(o.watches) > 0 && (at.IsZero() || o.watches[0].due.Before(at)) {
		at = o.watches[0].due
	}
	if at.IsZero() {
		timer.Stop()
		return
	}
	timer.Reset(time.Until(at))
}

// read feeds the connection's commits to the owner, from where the journal ends.
func (o *owner) read(ctx context.Context) {
	each := func(c eventlog.Committed) error {
		select {
		case o.commits <- incoming{c}:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	caught := func() {
		select {
		case o.commits <- incoming{}:
		case <-ctx.Done():
		}
	}
	if err := o.deps.Desk.ReadDesk(ctx, o.id, o.position+1, each, caught); err != nil && ctx.Err() == nil {
		o.post(func() { o.fail(fmt.Errorf("read commits: %w", err)) })
	}
}

// fail ends the owner.
func (o *owner) fail(err error) {
	if o.fatal == nil {
		o.fatal = err
	}
}
