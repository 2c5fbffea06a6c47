package ingress

import (
	"errors"
	"fmt"
	"strings"
	"sync"
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

// renaming is a topic's new name, as somebody of the team gave it.
func renaming(name string) reading {
	l := testLens()
	return l.read(fmt.Appendf(nil, inTopic("message", l.group, 55, 7, `"forum_topic_edited":{"name":%q}`), 1, name), received)
}

func TestTitles(t *testing.T) {
	anna := &eventv1.Profile{FirstName: "Anna", LastName: "Müller", Phone: "+49"}
	for _, c := range []struct {
		name   string
		stored *eventv1.Profile
		topic  string
		title  string
		puts   int
	}{
		{"a name", anna, "🟨 Smith & Co", "Smith & Co", 1},
		{"without a square", anna, "Smith & Co", "Smith & Co", 1},
		{"the same again", &eventv1.Profile{FirstName: "Anna", Title: "Smith & Co"}, "🟪 Smith & Co", "Smith & Co", 0},
		{"another", &eventv1.Profile{FirstName: "Anna", Title: "Smith & Co"}, "Smith", "Smith", 1},
		{"only the square was changed", anna, "⬛ Anna Müller", "", 0},
		{"back to the customer's own", &eventv1.Profile{FirstName: "Anna", Title: "Smith & Co"}, "🟨 Anna", "", 1},
		{"nothing left", &eventv1.Profile{FirstName: "Anna", Title: "Smith & Co"}, "🟨 ", "", 1},
		{"the id while no name is known", nil, "🟪 5", "", 0},
		{"a name while none is known", nil, "🟪 Smith", "Smith", 1},
		{"the id of somebody with a name", anna, "5", "5", 1},
		{"a square inside", anna, "Smith 🟨 Co", "Smith 🟨 Co", 1},
	} {
		r := newRig(t, Config{})
		r.log.setTopic(55, "5")
		if c.stored != nil {
			r.profiles.stored[5] = c.stored
		}
		want := proto.CloneOf(c.stored)
		if want != nil {
			want.Title = c.title
		} else if c.title != "" {
			want = &eventv1.Profile{Title: c.title}
		}
		if err := r.intake.take(t.Context(), renaming(c.topic), received); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got := r.profiles.of(5); !proto.Equal(got, want) || r.profiles.puts != c.puts {
			t.Errorf("%s: %v after %d writes, want %v", c.name, got, r.profiles.puts, want)
		}
		if f := r.log.facts[0]; !f.GetTopicService().GetNamed() || strings.Contains(f.String(), "Smith") {
			t.Errorf("%s: fact %v", c.name, f)
		}
	}
}

// Of a topic that is no dialog's, of a chat that is not admitted, of what cannot be read as a customer, nothing is kept.
func TestTitlesOfNobody(t *testing.T) {
	for name, c := range map[string]struct {
		dialog string
		lookup error
	}{
		"no dialog's":      {"", nil},
		"ignored":          {"666", nil},
		"no customer":      {"dialog", nil},
		"refused a lookup": {"5", errors.New("bad key")},
	} {
		r := newRig(t, Config{})
		if r.log.lookup = c.lookup; c.dialog != "" {
			r.log.setTopic(55, c.dialog)
		}
		if err := r.intake.take(t.Context(), renaming("Smith"), received); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if r.profiles.puts != 0 || r.log.count() != 1 || r.log.facts[0].GetTopicService().GetNamed() {
			t.Errorf("%s: %d writes, facts %v", name, r.profiles.puts, r.log.facts)
		}
	}
}

func TestTitleBeforeFact(t *testing.T) {
	r := newRig(t, Config{})
	r.log.setTopic(55, "5")
	r.log.lookup = es.ErrUnavailable
	if err := r.intake.take(t.Context(), renaming("Smith"), received); !errors.Is(err, es.ErrUnavailable) || r.log.count() != 0 {
		t.Fatalf("%v with %d facts: the topic could still be looked up", err, r.log.count())
	}
	r.log.lookup, r.profiles.fail = nil, es.ErrUnavailable
	if err := r.intake.take(t.Context(), renaming("Smith"), received); !errors.Is(err, es.ErrUnavailable) || r.log.count() != 0 {
		t.Fatalf("%v with %d facts: the title could still be stored", err, r.log.count())
	}
	r.profiles.fail = errors.New("value too large")
	if err := r.intake.take(t.Context(), renaming("Smith"), received); err != nil || r.log.count() != 1 || r.log.facts[0].GetTopicService().GetNamed() {
		t.Fatalf("%v, facts %v: a title that was not stored is named", err, r.log.facts)
	}
	if n := r.metric(t, "hotline_ingress_profiles_total", map[string]string{"result": "lost"}); n != 1 {
		t.Errorf("%v counted as lost", n)
	}
}

// The team's name outlives the customer's changes, whoever comes first.
func TestTitleStays(t *testing.T) {
	r := newRig(t, Config{})
	r.log.setTopic(55, "5")
	take := func(read reading) {
		t.Helper()
		if err := r.intake.take(t.Context(), read, received); err != nil {
			t.Error(err)
		}
	}
	take(from(5, "Anna", ""))
	take(renaming("Smith"))
	take(from(5, "Ann", "+49"))
	if want := (&eventv1.Profile{FirstName: "Ann", Phone: "+49", Title: "Smith"}); !proto.Equal(r.profiles.of(5), want) {
		t.Fatalf("stored %v", r.profiles.of(5))
	}
	// Both at once: the first to read is held up until the other waits for it, or has read the same.
	waiting := func() bool {
		r.intake.turns.mu.Lock()
		defer r.intake.turns.mu.Unlock()
		return len(r.intake.turns.lines[profileKey{testConnection, 5}.text()]) == 2
	}
	var first, passed sync.Once
	read := make(chan struct{})
	r.profiles.gate = func() {
		mine := false
		first.Do(func() { mine = true })
		if !mine {
			passed.Do(func() { close(read) })
			return
		}
		eventually(t, "the other", func() bool {
			select {
			case <-read:
				return true
			default:
				return waiting()
			}
		})
	}
	var both sync.WaitGroup
	both.Go(func() { take(from(5, "Anne", "")) })
	both.Go(func() { take(renaming("Smith & Co")) })
	both.Wait()
	if want := (&eventv1.Profile{FirstName: "Anne", Phone: "+49", Title: "Smith & Co"}); !proto.Equal(r.profiles.of(5), want) {
		t.Errorf("stored %v", r.profiles.of(5))
	}
}

func TestEditsAndReactionsKeepNoProfile(t *testing.T) {
	r := newRig(t, Config{})
	for _, file := range []string{"edits", "reactions"} {
		for _, s := range samples(t, file+".json") {
			if err := r.intake.take(t.Context(), testLens().read(s.Update, received), received); err != nil {
				t.Fatalf("%s: %v", s.Name, err)
			}
		}
	}
	if r.profiles.gets+r.profiles.puts != 0 || r.log.count() == 0 {
		t.Errorf("%d reads, %d writes of profiles, %d facts", r.profiles.gets, r.profiles.puts, r.log.count())
	}
}
