package ingress

import (
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hotline-desk/hotline/pkg/es"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
	"go.uber.org/zap"
)

func zapReason(ready string) zap.Field {
	return zap.String("reason", ready[len("connection "+testConnection+": "):])
}

func from(user int64, first, phone string) reading {
	return reading{
		kind: typeMessage, result: resultFact, user: user, place: "5", order: "5/0",
		fact:    &eventv1.Fact{Connection: testConnection, Cause: &eventv1.Cause{Chat: user, Message: 1}},
		profile: &eventv1.Profile{FirstName: first, Phone: phone},
	}
}

func TestProfilesAreWrittenWhenTheyChange(t *testing.T) {
	r := newRig(t, Config{})
	take := func(read reading, puts, gets int) {
		t.Helper()
		if err := r.intake.take(t.Context(), read, time.Now()); err != nil {
			t.Fatal(err)
		}
		if r.profiles.puts != puts || r.profiles.gets != gets {
			t.Fatalf("%d writes, %d reads; want %d, %d", r.profiles.puts, r.profiles.gets, puts, gets)
		}
	}
	take(from(5, "Anna", ""), 1, 1)
	take(from(5, "Anna", ""), 1, 1)    // known
	take(from(5, "Ann", ""), 2, 2)     // renamed
	take(from(5, "Ann", "+49"), 3, 3)  // shared her phone
	take(from(5, "Anna", ""), 4, 4)    // renamed: the phone stays
	take(from(5, "Anna", ""), 4, 4)    // known
	take(from(6, "Anna", ""), 5, 5)    // somebody else
	take(from(5, "Anna", "+49"), 5, 6) // the same phone again
	r.intake.known.Purge()             // after a restart
	take(from(5, "Anna", ""), 5, 7)    // compared with what is stored
	if want := (&eventv1.Profile{FirstName: "Anna", Phone: "+49"}); !proto.Equal(r.profiles.stored[5], want) {
		t.Errorf("stored %v", r.profiles.stored[5])
	}
	if r.log.count() != 9 {
		t.Errorf("%d facts", r.log.count())
	}
}

// The profile comes first: a fact never names a customer whose profile could still have been written.
func TestProfileBeforeFact(t *testing.T) {
	r := newRig(t, Config{})
	r.profiles.fail = es.ErrUnavailable
	if err := r.intake.take(t.Context(), from(5, "Anna", ""), time.Now()); !errors.Is(err, es.ErrUnavailable) || r.log.count() != 0 {
		t.Fatalf("%v with %d facts", err, r.log.count())
	}
	r.profiles.fail = errors.New("value too large")
	if err := r.intake.take(t.Context(), from(5, "Anna", ""), time.Now()); err != nil || r.log.count() != 1 {
		t.Fatalf("%v with %d facts: a profile that cannot be stored holds the message up", err, r.log.count())
	}
	r.profiles.fail = nil
	if err := r.intake.take(t.Context(), from(5, "Anna", ""), time.Now()); err != nil || r.profiles.puts != 1 {
		t.Fatalf("%v after %d writes: it is to be tried again", err, r.profiles.puts)
	}
}

func TestFilteredNeedsNeitherProfileNorFact(t *testing.T) {
	r := newRig(t, Config{})
	if err := r.intake.take(t.Context(), reading{kind: typeMessage, result: resultFiltered}, time.Now()); err != nil {
		t.Fatal(err)
	}
	if r.profiles.gets+r.profiles.puts+r.log.count() != 0 {
		t.Error("something was kept of a chat that is not admitted")
	}
	if n := r.metric(t, "hotline_ingress_updates_total", map[string]string{"type": "message", "result": "filtered"}); n != 1 {
		t.Errorf("%v counted", n)
	}
}

func TestNewNeedsEverything(t *testing.T) {
	if _, err := New(Config{}, Deps{}); err == nil {
		t.Error("no error")
	}
}
