package es_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/pkg/es"
	"github.com/hotline-desk/hotline/pkg/es/estest"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

var key = es.Key{Aggregate: "dialog", Connection: "c_1", ID: "7"}

// troubled is a store whose next appends fail.
type troubled struct {
	*estest.Store
	fail   []error
	tried  int
	before func() // before each append
}

func (s *troubled) Append(ctx context.Context, key es.Key, expected uint64, c *eventv1.Commit) (uint64, error) {
	s.tried++
	if s.before != nil {
		s.before()
	}
	if len(s.fail) > 0 {
		err := s.fail[0]
		s.fail = s.fail[1:]
		if err != nil {
			return 0, err
		}
	}
	return s.Store.Append(ctx, key, expected, c)
}

func newTroubled() (*troubled, *es.Handler[estest.Count, estest.Note]) {
	store := &troubled{Store: estest.NewStore()}
	return store, es.NewHandler("test", store, estest.Counter(1), 10)
}

func TestCommitIDIsFixedForEver(t *testing.T) {
	const golden = "588dad5e-b59e-5b36-b364-a127b4ae62a6"
	if got := es.CommitID("dialog", key, "1/7/8/0/"); got != golden {
		t.Errorf("the id of a decision changed to %s, want %s: every cause in every log would look new", got, golden)
	}
	if es.CommitID("dialog", key, "1/7/9/0/") == golden || es.CommitID("topic", key, "1/7/8/0/") == golden {
		t.Error("different decisions have the same id")
	}
}

func TestCommitSaysWhatWasDecidedAndWhy(t *testing.T) {
	store, h := newTroubled()
	at := time.Unix(1700000000, 42)
	cmd := es.Command[estest.Note]{
		Cause: &eventv1.Cause{Kind: eventv1.Cause_KIND_MESSAGE, Chat: 7, Message: 8}, At: at, ParamsSeq: 3,
		Actor: &eventv1.Actor{Type: eventv1.Actor_TYPE_CUSTOMER, User: 7}, Body: estest.Note{Number: 5},
	}
	result, err := h.Handle(t.Context(), key, cmd)
	if err != nil || result.Seq != 1 || result.Duplicate || result.Attempts != 1 {
		t.Fatalf("%+v %v", result, err)
	}
	_, commits := store.All()
	c := commits[0]
	if c.GetId() != es.CommitID("test", key, "1/7/8/0/") || c.GetCause() != "1/7/8/0/" || c.GetVersion() != 1 || c.GetPrevSeq() != 0 ||
		c.GetParamsSeq() != 3 || c.GetActor().GetUser() != 7 || !c.GetAt().AsTime().Equal(at) || len(c.GetEvents()) != 1 || c.GetFold() != nil {
		t.Errorf("%v", c)
	}
}

func TestEverySixteenthCommitCarriesTheFold(t *testing.T) {
	store, h := newTroubled()
	for i := 1; i <= 2*es.FoldEvery; i++ {
		if _, err := h.Handle(t.Context(), key, estest.AddCommand(fmt.Sprint(i), 1)); err != nil {
			t.Fatal(err)
		}
	}
	_, commits := store.All()
	for i, c := range commits {
		if has, want := c.GetFold() != nil, (i+1)%es.FoldEvery == 0; has != want {
			t.Errorf("commit %d: fold %v", i+1, has)
		}
	}
	if causes := commits[es.FoldEvery-1].GetFold().GetCauses().GetRecent(); len(causes) != es.FoldEvery {
		t.Errorf("the fold remembers %d causes, its own commit's included there are %d", len(causes), es.FoldEvery)
	}
}

func TestNothingIsAppendedWhenNothingWasDecided(t *testing.T) {
	store, h := newTroubled()
	if _, err := h.Handle(t.Context(), key, estest.AddCommand("zero", 0)); !errors.Is(err, estest.ErrZero) {
		t.Errorf("refusal: %v", err)
	}
	limited := estest.AddCommand("over", 9)
	limited.Body.Limit = 5
	if result, err := h.Handle(t.Context(), key, limited); err != nil || result.Commit != nil || result.Seq != 0 {
		t.Errorf("no events: %+v %v", result, err)
	}
	if store.tried != 0 {
		t.Error("something was appended")
	}
	if _, err := h.Handle(t.Context(), es.Key{Aggregate: "a.b", Connection: "c", ID: "d"}, limited); err == nil {
		t.Error("a key that is no subject was taken")
	}
}

func TestConflictsAreDecidedAnewFiveTimes(t *testing.T) {
	store, h := newTroubled()
	store.fail = []error{es.ErrConflict, es.ErrConflict, es.ErrConflict, es.ErrConflict}
	if result, err := h.Handle(t.Context(), key, estest.AddCommand("a", 1)); err != nil || result.Attempts != 5 {
		t.Errorf("four lost races: %+v %v", result, err)
	}
	store.fail, store.tried = []error{es.ErrConflict, es.ErrConflict, es.ErrConflict, es.ErrConflict, es.ErrConflict}, 0
	if _, err := h.Handle(t.Context(), key, estest.AddCommand("b", 1)); !errors.Is(err, es.ErrContended) || store.tried != 5 {
		t.Errorf("five lost races: %v after %d", err, store.tried)
	}
	if result, err := h.Handle(t.Context(), key, estest.AddCommand("b", 1)); err != nil || result.Duplicate {
		t.Errorf("afterwards: %+v %v", result, err)
	}
}

// A decision is made on what the winner of a race left behind.
func TestLoserDecidesOnTheWinnersState(t *testing.T) {
	store, h := newTroubled()
	other := es.NewHandler("test", store.Store, estest.Counter(1), 10)
	if _, _, err := h.State(t.Context(), key); err != nil { // in memory now, and soon stale
		t.Fatal(err)
	}
	if _, err := other.Handle(t.Context(), key, estest.AddCommand("winner", 4)); err != nil {
		t.Fatal(err)
	}
	cmd := estest.AddCommand("loser", 3)
	cmd.Body.Limit = 5
	result, err := h.Handle(t.Context(), key, cmd)
	if err != nil || result.Commit != nil || result.Attempts != 2 {
		t.Errorf("4 + 3 exceeds 5, but: %+v %v", result, err)
	}
}

// After an outcome that is unknown the aggregate is loaded anew, and the cause is recognised if it went through.
func TestUnknownOutcomeIsNotTrusted(t *testing.T) {
	store, h := newTroubled()
	cmd := estest.AddCommand("a", 1)
	store.before = func() {
		store.before = nil
		if _, err := es.NewHandler("test", store.Store, estest.Counter(1), 1).Handle(context.Background(), key, cmd); err != nil {
			t.Error(err)
		}
	}
	store.fail = []error{es.ErrUnavailable}
	if _, err := h.Handle(t.Context(), key, cmd); !errors.Is(err, es.ErrUnavailable) {
		t.Fatal(err)
	}
	if result, err := h.Handle(t.Context(), key, cmd); err != nil || !result.Duplicate || result.Seq != 1 {
		t.Errorf("again: %+v %v", result, err)
	}
}

func TestEvictedAggregatesAreLoadedAgain(t *testing.T) {
	store := estest.NewStore()
	h := es.NewHandler("test", store, estest.Counter(1), 1)
	for i := range 40 {
		k := key
		k.ID = fmt.Sprint(i % 2)
		if _, err := h.Handle(t.Context(), k, estest.AddCommand(fmt.Sprint(i), 1)); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"0", "1"} {
		k := key
		k.ID = id
		if state, seq, err := h.State(t.Context(), k); err != nil || state.Notes != 20 || seq < 39 {
			t.Errorf("%s: %+v %d %v", id, state, seq, err)
		}
	}
}
