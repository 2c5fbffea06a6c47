package eventlog

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/hotline-desk/hotline/pkg/es"
	"github.com/hotline-desk/hotline/pkg/natsd"
)

func TestPartitionIsFixedForEver(t *testing.T) {
	golden := map[string]int{"c_1": 50, "c_7654321": 5, "c_123456789": 42, "": 5, "conn-ä": 49}
	for connection, want := range golden {
		if got := Partition(connection); got != want {
			t.Errorf("Partition(%q) = %d, want %d", connection, got, want)
		}
	}
}

func TestSubjects(t *testing.T) {
	key := es.Key{Aggregate: "dialog", Connection: "c_1", ID: "-100"}
	subject := deskSubject(key)
	if subject != "desk.dialog.50.c_1.-100" {
		t.Error(subject)
	}
	if back, err := deskKey(subject); err != nil || back != key {
		t.Error(back, err)
	}
	if _, err := deskKey("in.50.c_1.7"); err == nil {
		t.Error("a subject of another stream has a key")
	}
	if got := inboxSubject("c_1", "-7"); got != "in.50.c_1.13" || placeOf(got) != "13" {
		t.Error(got)
	}
}

func TestOpenTwiceChangesNothingAndKeepsWhatIsStronger(t *testing.T) {
	n := newNode(t)
	n.open()
	js, err := jetstream.New(n.conn())
	if err != nil {
		t.Fatal(err)
	}
	inbox, err := js.Stream(t.Context(), streamInbox)
	if err != nil {
		t.Fatal(err)
	}
	longer := inbox.CachedInfo().Config
	longer.MaxAge = 0 // for ever
	longer.DenyPurge = true
	if _, err := js.UpdateStream(t.Context(), longer); err != nil {
		t.Fatal(err)
	}
	desk, err := js.Stream(t.Context(), streamDesk)
	if err != nil {
		t.Fatal(err)
	}
	if c := desk.CachedInfo().Config; !c.DenyDelete || !c.DenyPurge || c.MaxAge != 0 || c.Storage != jetstream.FileStorage {
		t.Errorf("DESK is %+v", c)
	}
	n.open()
	inbox, err = js.Stream(t.Context(), streamInbox)
	if err != nil {
		t.Fatal(err)
	}
	if c := inbox.CachedInfo().Config; c.MaxAge != 0 || !c.DenyPurge {
		t.Errorf("INBOX was weakened: %+v", c)
	}
}

func TestOpenStrengthensWeakStreamsAndRefusesAlienOnes(t *testing.T) {
	n := newNode(t)
	js, err := jetstream.New(n.conn())
	if err != nil {
		t.Fatal(err)
	}
	weak := jetstream.StreamConfig{Name: streamInbox, Subjects: []string{"in.>"}, MaxAge: time.Hour}
	if _, err := js.CreateStream(t.Context(), weak); err != nil {
		t.Fatal(err)
	}
	n.open()
	inbox, err := js.Stream(t.Context(), streamInbox)
	if err != nil {
		t.Fatal(err)
	}
	if got := inbox.CachedInfo().Config.MaxAge; got != 30*day {
		t.Errorf("MaxAge %s", got)
	}

	alien := newNode(t)
	js, err = jetstream.New(alien.conn())
	if err != nil {
		t.Fatal(err)
	}
	memory := jetstream.StreamConfig{Name: streamDesk, Subjects: []string{"desk.>"}, Storage: jetstream.MemoryStorage}
	if _, err := js.CreateStream(t.Context(), memory); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), alien.conn(), Options{}); !errors.Is(err, ErrStream) {
		t.Errorf("a DESK in memory was opened: %v", err)
	}
}

func TestOpenWaitsForTheServerAndReadyTells(t *testing.T) {
	n := newNode(t)
	l := n.open()
	if err := l.Ready(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := natsd.Connect(ctx, "nats://127.0.0.1:1", "", "early"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a connection to nowhere: %v", err)
	}
	n.stop()
	if err := l.Ready(); !errors.Is(err, es.ErrUnavailable) {
		t.Errorf("ready without a server: %v", err)
	}
	n.start()
}

func TestTwoServersCannotShareADirectory(t *testing.T) {
	n := newNode(t)
	if _, err := natsd.Start(t.Context(), n.cfg); !errors.Is(err, natsd.ErrInUse) {
		t.Errorf("second server: %v", err)
	}
}
