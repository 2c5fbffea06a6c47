package relay

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/hotline-desk/hotline/pkg/view"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// delivery is a document of the view `links`: what became of one message. Its id is connection:chat:message of the
// original.
type delivery struct {
	Connection string      `json:"connection"`
	Chat       int64       `json:"chat"`
	Message    int64       `json:"message"`
	Copy       string      `json:"copy"` // connection:chat:message, empty while there is none
	CopyChat   int64       `json:"copy_chat"`
	CopyID     int64       `json:"copy_message"`
	Thread     int64       `json:"thread"`
	Dialog     string      `json:"dialog"`
	Lane       int32       `json:"lane"`
	No         uint64      `json:"no"`
	State      string      `json:"state"`
	Class      int32       `json:"class"`
	Attempts   uint32      `json:"attempts"`
	At         view.Millis `json:"at"`
	Seq        uint64      `json:"seq"`
	DeskSeq    uint64      `json:"desk_seq"` // of the commit that asked for it
	StartedAt  view.Millis `json:"started_at"`
	Copies     []int64     `json:"copies"` // all of them, oldest first: edits may have added some
	EditedAt   view.Millis `json:"edited_at"`
	DeletedAt  view.Millis `json:"deleted_at"`
}

// linksView is the name of the view.
const linksView = "links"

const (
	stateStarted = "started"
	stateDone    = "done"
	stateFailed  = "failed"
	stateUnknown = "unknown"
)

// links is the view of all deliveries; without a store it knows nothing.
type links struct {
	collection *view.Collection[delivery]
	projector  *view.Projector[delivery]
}

func newLinks(store *view.Store, outbox view.Source, after <-chan struct{}) (*links, error) {
	l := &links{}
	if store == nil || outbox == nil {
		return l, nil
	}
	var err error
	schema := view.Schema{Name: linksView, Version: 2, Indexes: []view.Index{{"copy"}}}
	if l.collection, err = view.NewCollection[delivery](store, schema); err != nil {
		return nil, err
	}
	l.projector, err = view.NewProjector(l.collection, view.ProjectFunc[delivery](project), []view.Source{outbox}, view.Options{After: after})
	return l, err
}

func (l *links) run(ctx context.Context) error {
	if l.projector == nil {
		return nil
	}
	if err := l.projector.Run(ctx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("project links: %w", err)
	}
	return nil
}

// project applies one append of the journal.
func project(ctx context.Context, b *view.Batch[delivery], r view.Record) error {
	tokens := strings.Split(r.Subject, ".")
	if len(tokens) < 3 || tokens[0] != "out" {
		return nil
	}
	entry := &eventv1.JournalEntry{}
	if err := proto.Unmarshal(r.Data, entry); err != nil {
		return fmt.Errorf("journal entry %d: %w", r.Seq, err)
	}
	for _, record := range entry.GetRecords() {
		if err := projectRecord(ctx, b, tokens[2], r.Seq, record); err != nil {
			return err
		}
	}
	return nil
}

func projectRecord(ctx context.Context, b *view.Batch[delivery], connection string, seq uint64, record *eventv1.JournalRecord) error {
	var d *eventv1.Delivery
	var change func(i int, doc *delivery)
	switch body := record.GetBody().(type) {
	case *eventv1.JournalRecord_Started:
		d = body.Started.GetDelivery()
		change = func(_ int, doc *delivery) {
			doc.State, doc.Attempts, doc.DeskSeq = stateStarted, body.Started.GetAttempt(), d.GetDeskSeq()
			if doc.StartedAt == 0 {
				doc.StartedAt = view.MillisOf(record.GetAt().AsTime())
			}
		}
	case *eventv1.JournalRecord_Done:
		d = body.Done.GetDelivery()
		change = func(i int, doc *delivery) { doc.done(connection, i, body.Done) }
	case *eventv1.JournalRecord_Failed:
		d = body.Failed.GetDelivery()
		change = func(_ int, doc *delivery) { doc.State, doc.Class = stateFailed, int32(body.Failed.GetClass()) }
	case *eventv1.JournalRecord_Unknown:
		d = body.Unknown.GetDelivery()
		change = func(_ int, doc *delivery) {
			doc.State, doc.Class = stateUnknown, int32(eventv1.FailureClass_FAILURE_CLASS_UNKNOWN)
		}
	default:
		return nil
	}
	if d.GetEffect() != eventv1.Effect_EFFECT_UNSPECIFIED {
		return projectLater(ctx, b, connection, seq, record)
	}
	for i, source := range d.GetSources() {
		err := b.Update(ctx, docID(connection, source), func(doc *delivery, _ bool) error {
			doc.Connection, doc.Chat, doc.Message = connection, source.GetChat(), source.GetMessage()
			doc.Dialog, doc.Lane, doc.No = d.GetDialog(), int32(d.GetLane()), d.GetFirstNo()+uint64(i)
			doc.At, doc.Seq = view.MillisOf(record.GetAt().AsTime()), seq
			change(i, doc)
			return nil
		})
		if err != nil {
			return fmt.Errorf("link of lane number %d at %d: %w", d.GetFirstNo(), seq, err)
		}
	}
	return nil
}

func (doc *delivery) done(connection string, i int, done *eventv1.Done) {
	doc.State, doc.Class = stateDone, 0
	doc.CopyChat, doc.Thread = done.GetChat(), done.GetThread()
	if i < len(done.GetCopies()) && done.GetCopies()[i] != 0 {
		doc.CopyID = done.GetCopies()[i]
		doc.Copies = append(doc.Copies, doc.CopyID)
		doc.Copy = docID(connection, &eventv1.MessageRef{Chat: doc.CopyChat, Message: doc.CopyID})
	}
}

// projectLater applies what happened to the copy of a message afterwards. Only what went well leaves a trace in the view; a
// failure is in the journal, and told in the topic.
func projectLater(ctx context.Context, b *view.Batch[delivery], connection string, seq uint64, record *eventv1.JournalRecord) error {
	done := record.GetDone()
	at := view.MillisOf(record.GetAt().AsTime())
	for _, source := range done.GetDelivery().GetSources() {
		id := docID(connection, source)
		err := b.Update(ctx, id, func(doc *delivery, _ bool) error {
			doc.Connection, doc.Chat, doc.Message = connection, source.GetChat(), source.GetMessage()
			doc.Seq = seq
			if done.GetDelivery().GetEffect() == eventv1.Effect_EFFECT_DELETE {
				doc.DeletedAt = at
				return nil
			}
			doc.EditedAt = at
			doc.Copies = append(doc.Copies, done.GetCopies()...)
			return nil
		})
		if err != nil {
			return fmt.Errorf("later effect at %d: %w", seq, err)
		}
		for _, copied := range done.GetCopies() {
			if err := projectVersion(ctx, b, connection, seq, source, &eventv1.MessageRef{Chat: done.GetChat(), Message: copied}); err != nil {
				return err
			}
		}
	}
	return nil
}

// projectVersion makes a later copy lead back to its original, like the first one.
func projectVersion(ctx context.Context, b *view.Batch[delivery], connection string, seq uint64, source, copied *eventv1.MessageRef) error {
	at := docID(connection, copied)
	err := b.Update(ctx, docID(connection, source)+"/"+strconv.FormatInt(copied.GetMessage(), 10), func(doc *delivery, _ bool) error {
		doc.Connection, doc.Chat, doc.Message, doc.Seq = connection, source.GetChat(), source.GetMessage(), seq
		doc.State, doc.Copy, doc.CopyChat, doc.CopyID = stateDone, at, copied.GetChat(), copied.GetMessage()
		return nil
	})
	if err != nil {
		return fmt.Errorf("version at %d: %w", seq, err)
	}
	return nil
}

func docID(connection string, ref *eventv1.MessageRef) string {
	return connection + ":" + strconv.FormatInt(ref.GetChat(), 10) + ":" + strconv.FormatInt(ref.GetMessage(), 10)
}

// bySource finds the delivery of an original; view.ErrNotFound.
func (l *links) bySource(ctx context.Context, connection string, ref *eventv1.MessageRef) (delivery, error) {
	if l.collection == nil {
		return delivery{}, view.ErrNotFound
	}
	return l.collection.Get(ctx, docID(connection, ref))
}

// byCopy finds the delivery that made a copy; view.ErrNotFound.
func (l *links) byCopy(ctx context.Context, connection string, ref *eventv1.MessageRef) (delivery, error) {
	if l.collection == nil {
		return delivery{}, view.ErrNotFound
	}
	page, err := l.collection.Find(ctx, view.Query{Where: []view.Cond{view.Eq("copy", docID(connection, ref))}, Limit: 1})
	if err != nil {
		return delivery{}, err
	}
	if len(page.Docs) == 0 {
		return delivery{}, view.ErrNotFound
	}
	return page.Docs[0], nil
}

// find is the counterpart of a message in a chat, 0 when none is known.
func (l *links) find(ctx context.Context, connection string, ref *eventv1.MessageRef, chat int64) int64 {
	if doc, err := l.bySource(ctx, connection, ref); err == nil && doc.CopyChat == chat {
		return doc.newest()
	} else if err != nil && !errors.Is(err, view.ErrNotFound) {
		return 0
	}
	if doc, err := l.byCopy(ctx, connection, ref); err == nil && doc.Chat == chat {
		return doc.Message
	}
	return 0
}

// newest is the last copy of a message, 0 when there is none.
func (doc delivery) newest() int64 {
	if n := len(doc.Copies); n > 0 {
		return doc.Copies[n-1]
	}
	return doc.CopyID
}

// copies are all copies of a message in a chat, oldest first.
func (l *links) copies(ctx context.Context, connection string, ref *eventv1.MessageRef, chat int64) []int64 {
	doc, err := l.bySource(ctx, connection, ref)
	if err != nil || doc.CopyChat != chat || doc.DeletedAt != 0 {
		return nil
	}
	return doc.Copies
}

// reach waits until the view reflects an OUTBOX sequence.
func (l *links) reach(ctx context.Context, seq uint64) error {
	if l.collection == nil || seq == 0 {
		return nil
	}
	return l.collection.WaitFor(ctx, "OUTBOX", seq)
}

func timestamp(m view.Millis) *timestamppb.Timestamp {
	if m == 0 {
		return nil
	}
	return timestamppb.New(m.Time())
}
