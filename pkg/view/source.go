package view

import (
	"context"
	"time"
)

// Record is one entry of a stream of the event log.
type Record struct {
	Stream      string
	Incarnation string
	Seq         uint64
	Subject     string
	Time        time.Time
	Data        []byte
}

// Source is an ordered stream of records, as the event log offers it.
type Source interface {
	// Read delivers records with seq >= from in order until ctx ends; caught is called once when the tail known
	// at start was delivered. The record, its Data included, belongs to the receiver from then on.
	Read(ctx context.Context, from uint64, each func(Record) error, caught func()) error
	// Info names the stream and its incarnation (which changes when the stream is made anew), and its last seq.
	Info(ctx context.Context) (stream, incarnation string, last uint64, err error)
}

// Projection computes documents of one collection from records. Project must be deterministic, must have no effect
// besides b, and must not keep r.Data. It is called from one goroutine at a time per pass; a rebuild beside the live
// projection is a second pass and calls the same Projection concurrently, so it must not hold state of its own.
// An error of Project ends the Projector: a record that cannot be projected is a defect, not an outage.
//
// A record may be applied again after a crash; Batch skips the documents that have it already. Therefore derive each
// document from the record and from its own former state; what Batch.Get shows of *other* documents may, during
// such a replay, be newer than the record.
type Projection[T any] interface {
	Project(ctx context.Context, b *Batch[T], r Record) error
}

// ProjectFunc makes a function a Projection.
type ProjectFunc[T any] func(ctx context.Context, b *Batch[T], r Record) error

// Project calls f.
func (f ProjectFunc[T]) Project(ctx context.Context, b *Batch[T], r Record) error {
	return f(ctx, b, r)
}

// Progress describes one committed batch of one stream; it is what lag metrics are made of.
type Progress struct {
	View    string
	Stream  string
	Seq     uint64        // the new checkpoint
	Records int           // records in the batch, over all streams
	Changed int           // documents written
	Age     time.Duration // between the last record's Time and its commit
	Took    time.Duration // the database write
	Rebuild bool          // of a build beside the live collection
}
