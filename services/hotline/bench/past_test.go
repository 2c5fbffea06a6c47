package bench

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/hotline-desk/hotline/pkg/es"
	"github.com/hotline-desk/hotline/pkg/eventlog"
	"github.com/hotline-desk/hotline/pkg/natsd"
	"github.com/hotline-desk/hotline/pkg/seal"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
	"github.com/hotline-desk/hotline/services/dialog"
)

const (
	pastWriters   = 16
	pastChunk     = 5_000
	firstCustomer = 900_000_000_000
	firstThread   = 10_000_000
	firstGroupID  = 100_000_000
)

// past writes the log of a desk that has worked for years: what its services would have written, through the same code.
type past struct {
	log        *eventlog.Log
	profiles   *eventlog.Profiles
	decide     *es.Handler[dialog.State, dialog.Command]
	connection string
	group      int64
	dialogs    int
	messages   int
	cast       cast
	queued     int // how many of the messages, the last ones, relay has not come to
	requests   int // asked for by those: counted while they are written
}

// cast says who writes in a past: numbers are of dialogs from 0, turns of a dialog from 0.
type cast interface {
	customer(dialog int) int64
	thread(dialog int) int64
	answers(dialog, turn int) bool
	message(dialog, turn int) int64
}

// invented people exist in the log only; every third message of a dialog is an answer.
type invented struct{ dialogs int }

func (invented) customer(d int) int64         { return int64(firstCustomer + d) }
func (invented) thread(d int) int64           { return int64(firstThread + d) }
func (invented) answers(_ int, turn int) bool { return turn%3 == 2 }
func (i invented) message(d, turn int) int64 {
	if i.answers(d, turn) {
		return int64(firstGroupID + 2*(turn*i.dialogs+d))
	}
	return int64(turn + 1)
}

// decided is a message that was decided on.
type decided struct {
	seq    uint64
	dialog int
	commit *eventv1.Commit
}

// writePast adds dialogs and messages to the data of a desk that does not run.
func writePast(ctx context.Context, data string, p *past) (err error) {
	server, err := natsd.Start(ctx, natsd.Config{Dir: filepath.Join(data, "log"), Durability: natsd.Interval})
	if err != nil {
		return err
	}
	defer server.Stop()
	nc, err := server.Connect("past")
	if err != nil {
		return err
	}
	defer nc.Close()
	if p.log, err = eventlog.Open(ctx, nc, eventlog.Options{}); err != nil {
		return err
	}
	defer p.log.Close()
	keys, err := seal.LoadOrCreate(filepath.Join(data, "seal.key"))
	if err != nil {
		return err
	}
	sealer, err := seal.New(keys...)
	if err != nil {
		return err
	}
	p.profiles = p.log.Profiles(sealer)
	p.decide = es.NewHandler(dialog.ServiceName, p.log.Store(), dialog.Decider(), p.dialogs+1)
	return p.write(ctx)
}

func (p *past) write(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	chunks := make(chan []decided, 1)
	consuming, consumed := context.WithCancel(ctx)
	group.Go(func() error { return p.effects(ctx, chunks) })
	// Facts are decided where they are made; the durables of dialog still have to be done with them.
	group.Go(func() error {
		err := p.log.Consume(consuming, eventlog.Consumer{Service: dialog.ServiceName,
			Handle: func(context.Context, eventlog.Delivered) error { return nil }})
		if consuming.Err() != nil {
			return nil
		}
		return err
	})
	group.Go(func() error {
		defer consumed()
		if err := p.talk(ctx, chunks); err != nil {
			return err
		}
		return p.drained(ctx, 0)
	})
	return group.Wait()
}

// talk writes all messages, and hands them on in chunks, each as it stands in the log.
func (p *past) talk(ctx context.Context, chunks chan<- []decided) error {
	defer close(chunks)
	for from := 0; from < p.messages; {
		done := p.messages - p.queued
		n := min(pastChunk, p.dialogs, p.messages-from)
		if from < done {
			n = min(n, done-from)
		}
		chunk, err := p.chunk(ctx, from, n)
		if err != nil {
			return err
		}
		if from >= done {
			p.requests += requestsOf(chunk)
		} else if err := hand(ctx, chunks, chunk); err != nil {
			return err
		}
		if err := p.drained(ctx, pastChunk); err != nil {
			return err
		}
		from += n
	}
	return nil
}

func hand(ctx context.Context, chunks chan<- []decided, chunk []decided) error {
	select {
	case chunks <- chunk:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func requestsOf(chunk []decided) (n int) {
	for _, d := range chunk {
		for _, event := range d.commit.GetEvents() {
			if event.GetDeliveryRequested() != nil {
				n++
			}
		}
	}
	return n
}

// drained waits until the durables have at most so many facts before them. Far behind they are several times slower.
func (p *past) drained(ctx context.Context, most uint64) error {
	for {
		lag, err := p.log.InboxLag(ctx)
		if err != nil || lag <= most {
			return err
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// chunk writes n messages at once, no two of one dialog.
func (p *past) chunk(ctx context.Context, from, n int) ([]decided, error) {
	chunk := make([]decided, n)
	group, ctx := errgroup.WithContext(ctx)
	for w := range pastWriters {
		group.Go(func() error {
			for i := w; i < n; i += pastWriters {
				var err error
				if chunk[i], err = p.message(ctx, from+i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := group.Wait()
	slices.SortFunc(chunk, func(a, b decided) int { return int(a.seq) - int(b.seq) })
	return chunk, err
}

// message writes message k: dialogs take turns.
func (p *past) message(ctx context.Context, k int) (decided, error) {
	d, turn := k%p.dialogs, k/p.dialogs
	customer := p.cast.customer(d)
	id := strconv.FormatInt(customer, 10)
	fact, actor, body := p.asked(d, turn)
	status := eventv1.Status_STATUS_USER_ANSWERED
	if p.cast.answers(d, turn) {
		fact, actor, body = p.answered(d, turn)
		status = eventv1.Status_STATUS_SUPPORT_ANSWERED
	}
	fact.Connection, fact.At, fact.Update = p.connection, timestamppb.Now(), int64(k+1)
	if turn == 0 {
		profile := &eventv1.Profile{FirstName: "Customer", LastName: strconv.Itoa(d), Language: "en"}
		if err := p.profiles.Put(ctx, p.connection, customer, profile); err != nil {
			return decided{}, err
		}
	}
	if _, err := p.log.PublishFact(ctx, fact, strconv.FormatInt(fact.GetCause().GetChat(), 10)); err != nil {
		return decided{}, err
	}
	result, err := p.decide.Handle(ctx, es.Key{Aggregate: dialog.Aggregate, Connection: p.connection, ID: id},
		es.Command[dialog.Command]{Cause: fact.GetCause(), Actor: actor, At: fact.GetAt().AsTime(), Body: body})
	if err == nil && result.Commit == nil {
		err = fmt.Errorf("message %d: nothing was decided", k)
	}
	done := p.messages - p.queued
	if err == nil && k < done && k+p.dialogs >= done { // the last one that relay came to: the bucket has the status that it showed
		err = p.log.PutTopic(ctx, p.connection, id, &eventv1.TopicRecord{Thread: p.cast.thread(d), Status: status})
	}
	return decided{result.Seq, d, result.Commit}, err
}

func (p *past) asked(d, turn int) (*eventv1.Fact, *eventv1.Actor, dialog.Command) {
	source := &eventv1.MessageRef{Chat: p.cast.customer(d), Message: p.cast.message(d, turn)}
	actor := &eventv1.Actor{Type: eventv1.Actor_TYPE_CUSTOMER, User: source.GetChat()}
	fact := &eventv1.Fact{Cause: causeOf(source), Body: &eventv1.Fact_CustomerMessage{CustomerMessage: &eventv1.CustomerMessage{
		Customer: source.GetChat(), Message: source.GetMessage(), Kind: eventv1.Kind_KIND_TEXT}}}
	return fact, actor, dialog.CustomerWrote{Source: source, Kind: eventv1.Kind_KIND_TEXT, Welcome: true}
}

func (p *past) answered(d, turn int) (*eventv1.Fact, *eventv1.Actor, dialog.Command) {
	source := &eventv1.MessageRef{Chat: p.group, Message: p.cast.message(d, turn)}
	actor := &eventv1.Actor{Type: eventv1.Actor_TYPE_OPERATOR, User: 1}
	fact := &eventv1.Fact{Cause: causeOf(source), Body: &eventv1.Fact_GroupMessage{GroupMessage: &eventv1.GroupMessage{
		Chat: p.group, Thread: p.cast.thread(d), Message: source.GetMessage(), Actor: actor, Kind: eventv1.Kind_KIND_TEXT}}}
	return fact, actor, dialog.OperatorWrote{Source: source, Kind: eventv1.Kind_KIND_TEXT, Actor: actor}
}

func causeOf(source *eventv1.MessageRef) *eventv1.Cause {
	return &eventv1.Cause{Kind: eventv1.Cause_KIND_MESSAGE, Chat: source.GetChat(), Message: source.GetMessage()}
}
