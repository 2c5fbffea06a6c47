package eventlog

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/hotline-desk/hotline/pkg/es"
	"github.com/hotline-desk/hotline/pkg/es/estest"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

func TestThreeNodes(t *testing.T) {
	c := startCluster(t, 3)
	logs := []*Log{openOn(t, c.conn(0), 3), openOn(t, c.conn(1), 3), openOn(t, c.conn(2), 3)}
	t.Run("Conformance", func(t *testing.T) {
		next := 0
		estest.Run(t, func(*testing.T) es.Store { next++; return logs[next%3].Store() })
	})
	t.Run("Race", func(t *testing.T) { raceOnOneSubject(t, logs) })
	t.Run("Rejections", func(t *testing.T) { bothRejections(t, logs) })
	t.Run("Journal", func(t *testing.T) { journalRace(t, logs) })
	t.Run("Lease", func(t *testing.T) { leaseAcrossNodes(t, logs) })
	t.Run("LeaderKilled", func(t *testing.T) { leaderKilled(t, c, logs) })
}

// Writers on all three nodes expect the same sequence: one wins each, and each winner's commit is there.
func raceOnOneSubject(t *testing.T, logs []*Log) {
	key := es.Key{Aggregate: "dialog", Connection: "c_1", ID: "race"}
	won := map[uint64]string{}
	var at uint64
	for round := range 60 {
		seqs, errs := make([]uint64, 6), make([]error, 6)
		var all sync.WaitGroup
		for w := range seqs {
			all.Go(func() {
				seqs[w], errs[w] = logs[w%3].Store().Append(t.Context(), key, at, &eventv1.Commit{Id: fmt.Sprint(round, "/", w), PrevSeq: at})
			})
		}
		all.Wait()
		winners := 0
		for w, err := range errs {
			if err == nil {
				winners++
				at, won[seqs[w]] = seqs[w], fmt.Sprint(round, "/", w)
			} else if !errors.Is(err, es.ErrConflict) {
				t.Fatalf("round %d: %v", round, err)
			}
		}
		if winners != 1 {
			t.Fatalf("round %d: %d winners", round, winners)
		}
	}
	for seq := at; seq != 0; {
		got, err := logs[0].Store().Get(t.Context(), key, seq)
		if err != nil || won[seq] != got.Commit.GetId() {
			t.Fatalf("at %d lies %q, %q won: %v", seq, got.Commit.GetId(), won[seq], err)
		}
		delete(won, seq)
		seq = got.Commit.GetPrevSeq()
	}
	if len(won) != 0 {
		t.Errorf("lost: %v", won)
	}
}

// A cluster refuses in two ways; both mean a lost race.
func bothRejections(t *testing.T, logs []*Log) {
	seen := map[jetstream.ErrorCode]int{}
	subject := deskSubject(es.Key{Aggregate: "dialog", Connection: "c_1", ID: "codes"})
	var mu sync.Mutex
	eventually(t, "10071 and 10164", func() bool {
		var at uint64
		if last, err := logs[0].last(t.Context(), streamDesk, subject); err == nil {
			at = last.Sequence
		}
		var all sync.WaitGroup
		for w := range 12 {
			all.Go(func() {
				msg := message(t.Context(), subject, fmt.Sprint(at, "-", w), nil)
				msg.Header.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(at, 10))
				if _, err := logs[w%3].publish(t.Context(), msg); err != nil {
					mu.Lock()
					defer mu.Unlock()
					seen[code(err)]++
					if !rejected(err) {
						t.Errorf("no rejection: %v", err)
					}
				}
			})
		}
		all.Wait()
		return seen[codeWrongLast] > 0 && seen[codeWrongLastConstant] > 0
	})
}

func journalRace(t *testing.T, logs []*Log) {
	var at uint64
	for range 20 {
		var all sync.WaitGroup
		seqs, errs := make([]uint64, 3), make([]error, 3)
		for w := range 3 {
			all.Go(func() {
				seqs[w], errs[w] = logs[w].Journal("c_9").Append(t.Context(), at, &eventv1.JournalEntry{Epoch: uint64(w)})
			})
		}
		all.Wait()
		winners := 0
		for w := range 3 {
			if errs[w] == nil {
				winners, at = winners+1, seqs[w]
			} else if !errors.Is(errs[w], es.ErrConflict) {
				t.Fatal(errs[w])
			}
		}
		if winners != 1 {
			t.Fatalf("%d owners at %d", winners, at)
		}
	}
}

func leaseAcrossNodes(t *testing.T, logs []*Log) {
	a, b := logs[0].Lease("x", "a", 2*time.Second), logs[1].Lease("x", "b", 2*time.Second)
	stop := running(t, func(ctx context.Context) error {
		return a.Run(ctx, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
	})
	eventually(t, "held by a", func() bool { return a.Margin() > 0 })
	running(t, func(ctx context.Context) error {
		return b.Run(ctx, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
	})
	if b.Margin() > 0 {
		t.Error("held twice")
	}
	stop()
	eventually(t, "held by b", func() bool { return b.Margin() > 0 })
}

// The stream's leader goes away while facts are published, consumed and decided, and commits are read: nothing is lost,
// nothing is doubled, and the order stays.
func leaderKilled(t *testing.T, c *cluster, logs []*Log) {
	const dialogs, each = 4, 40
	handlers := []*es.Handler[estest.Count, estest.Note]{
		es.NewHandler("kill", logs[0].Store(), estest.Counter(1), 100), es.NewHandler("kill", logs[1].Store(), estest.Counter(1), 100),
	}
	r := newRecorder()
	for i, handler := range handlers {
		running(t, func(ctx context.Context) error {
			return logs[i].Consume(ctx, Consumer{Service: "kill", Handle: func(ctx context.Context, d Delivered) error {
				m := d.Fact.GetCustomerMessage()
				key := es.Key{Aggregate: "dialog", Connection: "c_kill", ID: strconv.FormatInt(m.GetCustomer(), 10)}
				if _, err := handler.Handle(ctx, key, es.Command[estest.Note]{Cause: d.Fact.GetCause(), Body: estest.Note{Number: uint64(m.GetMessage())}}); err != nil {
					return err
				}
				return r.handle(ctx, d)
			}})
		})
	}
	var read sync.Mutex
	commits := map[string][]uint64{}
	running(t, func(ctx context.Context) error {
		return logs[2].ReadDesk(ctx, "c_kill", 0, func(c Committed) error {
			read.Lock()
			defer read.Unlock()
			commits[c.Key.ID] = append(commits[c.Key.ID], c.Commit.GetVersion())
			return nil
		}, nil)
	})
	var publishers sync.WaitGroup
	for chat := int64(1); chat <= dialogs; chat++ {
		publishers.Go(func() {
			for m := int64(1); m <= each; m++ {
				for {
					_, err := logs[chat%3].PublishFact(t.Context(), messageFact("c_kill", chat, m), strconv.FormatInt(chat, 10))
					if err == nil {
						break
					}
					if !errors.Is(err, es.ErrUnavailable) {
						t.Errorf("publish: %v", err)
						return
					}
				}
			}
		})
	}
	eventually(t, "some facts", func() bool { return r.count() > 20 })
	victim := c.leader(logs[0], streamDesk)
	c.kill(victim)
	waitLong(t, "more facts without the leader", func() bool { return r.count() > 60 })
	c.start(victim)
	publishers.Wait()
	waitLong(t, "all facts", func() bool { return r.count() == dialogs*each })
	r.inOrder(t)
	waitLong(t, "all commits read", func() bool {
		read.Lock()
		defer read.Unlock()
		n := 0
		for _, versions := range commits {
			n += len(versions)
		}
		return n >= dialogs*each
	})
	for chat := 1; chat <= dialogs; chat++ {
		key := es.Key{Aggregate: "dialog", Connection: "c_kill", ID: strconv.Itoa(chat)}
		state, _, err := es.NewHandler("kill", logs[0].Store(), estest.Counter(1), 1).State(t.Context(), key)
		if err != nil || state != (estest.Count{Notes: each, Sum: each * (each + 1) / 2}) {
			t.Errorf("dialog %d: %+v %v", chat, state, err)
		}
		for i, version := range commits[key.ID] {
			if version != uint64(i+1) {
				t.Fatalf("dialog %d was read as %v", chat, commits[key.ID])
			}
		}
	}
}

// waitLong is eventually for what may have to wait for elections.
func waitLong(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(90 * time.Second); time.Now().Before(deadline); {
		if ok() {
			return
		}
		if err := wait(t.Context(), 20*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatalf("not in time: %s", what)
}
