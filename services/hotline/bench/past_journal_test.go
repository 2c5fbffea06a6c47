package bench

import (
	"context"
	"slices"
	"strconv"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/hotline-desk/hotline/pkg/eventlog"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

const (
	pastEntry   = 10     // records in an append of the journal, as under a good load
	pastRecords = 10_000 // between snapshots, as relay has it
)

// pastJournal is the journal of the relay that there would have been.
type pastJournal struct {
	*eventlog.Journal
	epoch, tail, snapshot uint64
}

// effects writes what relay would have written of the chunks: claims, outcomes, topics and snapshots. Like one that was
// killed it leaves no snapshot at the end.
func (p *past) effects(ctx context.Context, chunks <-chan []decided) error {
	j := &pastJournal{Journal: p.log.Journal(p.connection)}
	tail, last, err := j.Last(ctx)
	if err != nil {
		return err
	}
	j.tail, j.epoch, j.snapshot = tail, last.GetEpoch()+1, last.GetSnapshotSeq()
	owner := &eventv1.Owner{Epoch: j.epoch, Instance: "past"}
	if err := j.write(ctx, &eventv1.JournalRecord{Body: &eventv1.JournalRecord_Owner{Owner: owner}}); err != nil {
		return err
	}
	written := pastRecords
	var position uint64
	for chunk := range chunks {
		if position > 0 && written >= pastRecords {
			snapshot := &eventv1.Snapshot{Position: position}
			if err := j.write(ctx, &eventv1.JournalRecord{Body: &eventv1.JournalRecord_Snapshot{Snapshot: snapshot}}); err != nil {
				return err
			}
			j.snapshot, written = j.tail, 0
		}
		var records []*eventv1.JournalRecord
		for _, d := range chunk {
			records = append(records, p.effectsOf(d)...)
		}
		written += len(records)
		for part := range slices.Chunk(records, pastEntry) {
			if err := j.write(ctx, part...); err != nil {
				return err
			}
		}
		position = chunk[len(chunk)-1].seq
	}
	return nil
}

func (j *pastJournal) write(ctx context.Context, records ...*eventv1.JournalRecord) (err error) {
	for _, record := range records {
		record.At = timestamppb.Now()
	}
	j.tail, err = j.Append(ctx, j.tail, &eventv1.JournalEntry{Epoch: j.epoch, SnapshotSeq: j.snapshot, Records: records})
	return err
}

// effectsOf are the records of what a commit asked for.
func (p *past) effectsOf(d decided) (records []*eventv1.JournalRecord) {
	id, thread := strconv.FormatInt(p.cast.customer(d.dialog), 10), p.cast.thread(d.dialog)
	for _, event := range d.commit.GetEvents() {
		switch body := event.GetBody().(type) {
		case *eventv1.Event_DialogOpened:
			records = append(records,
				&eventv1.JournalRecord{Body: &eventv1.JournalRecord_TopicClaimed{TopicClaimed: &eventv1.TopicClaimed{Dialog: id}}},
				&eventv1.JournalRecord{Body: &eventv1.JournalRecord_TopicCreated{TopicCreated: &eventv1.TopicCreated{Dialog: id, Thread: thread}}})
		case *eventv1.Event_StatusChanged:
			shown := &eventv1.TopicShown{Dialog: id, Thread: thread, Status: body.StatusChanged.GetTo(), DeskSeq: d.seq}
			records = append(records, &eventv1.JournalRecord{Body: &eventv1.JournalRecord_TopicShown{TopicShown: shown}})
		case *eventv1.Event_DeliveryRequested:
			records = append(records, p.delivered(d, body.DeliveryRequested)...)
		}
	}
	return records
}

func (p *past) delivered(d decided, request *eventv1.DeliveryRequested) []*eventv1.JournalRecord {
	delivery := &eventv1.Delivery{Dialog: strconv.FormatInt(p.cast.customer(d.dialog), 10), Lane: request.GetLane(),
		FirstNo: request.GetLaneNo(), LastNo: request.GetLaneNo(), DeskSeq: d.seq}
	if source := request.GetCopy().GetSource(); source != nil {
		delivery.Sources = []*eventv1.MessageRef{source}
	}
	done := &eventv1.Done{Delivery: delivery, Chat: p.group, Thread: p.cast.thread(d.dialog), Copies: []int64{int64(firstGroupID + 2*d.seq + 1)}}
	if request.GetLane() == eventv1.Lane_LANE_CUSTOMER {
		done.Chat, done.Thread = p.cast.customer(d.dialog), 0
	}
	return []*eventv1.JournalRecord{
		{Body: &eventv1.JournalRecord_Started{Started: &eventv1.Started{Delivery: delivery, Attempt: 1}}},
		{Body: &eventv1.JournalRecord_Done{Done: done}},
	}
}
