package eventlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/es"
	"github.com/hotline-desk/hotline/pkg/seal"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

func TestBucket(t *testing.T) {
	b := newLog(t).Bucket(BucketTopics)
	if _, _, err := b.Get(t.Context(), "a.b"); !errors.Is(err, es.ErrNotFound) {
		t.Fatal(err)
	}
	r1, err := b.Update(t.Context(), "a.b", []byte("1"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Update(t.Context(), "a.b", []byte("x"), 0); !errors.Is(err, es.ErrConflict) {
		t.Errorf("made twice: %v", err)
	}
	r2, err := b.Update(t.Context(), "a.b", []byte("2"), r1)
	if err != nil || r2 <= r1 {
		t.Fatal(r2, err)
	}
	if _, err := b.Update(t.Context(), "a.b", []byte("x"), r1); !errors.Is(err, es.ErrConflict) {
		t.Errorf("stale revision: %v", err)
	}
	if value, revision, err := b.Get(t.Context(), "a.b"); err != nil || string(value) != "2" || revision != r2 {
		t.Error(string(value), revision, err)
	}
	if err := b.Delete(t.Context(), "a.b"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Get(t.Context(), "a.b"); !errors.Is(err, es.ErrNotFound) {
		t.Errorf("deleted: %v", err)
	}
	if _, err := b.Update(t.Context(), "a.b", []byte("3"), 0); err != nil {
		t.Errorf("made anew: %v", err)
	}
	if _, err := b.Put(t.Context(), "a.c", nil); err != nil {
		t.Fatal(err)
	}
}

func TestWatchShowsWhatIsThereThenChanges(t *testing.T) {
	l := newLog(t)
	b := l.Bucket(BucketTopics)
	for i := range 3 {
		for range 2 {
			if _, err := b.Put(t.Context(), fmt.Sprintf("k.%d", i), []byte{byte(i)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	type change struct {
		key   string
		value []byte
	}
	changes, caught := make(chan change, 100), make(chan struct{})
	running(t, func(ctx context.Context) error {
		return b.Watch(ctx, func(key string, value []byte, revision uint64) error {
			changes <- change{key, bytes.Clone(value)}
			return nil
		}, func() { close(caught) })
	})
	<-caught
	if len(changes) != 3 {
		t.Errorf("%d keys", len(changes))
	}
	for i := range 3 {
		if c := <-changes; c.key != fmt.Sprintf("k.%d", i) || !bytes.Equal(c.value, []byte{byte(i)}) {
			t.Error(c)
		}
	}
	if err := b.Delete(t.Context(), "k.1"); err != nil {
		t.Fatal(err)
	}
	if c := <-changes; c.key != "k.1" || c.value != nil {
		t.Error(c)
	}
}

func TestConnectionsGoOnlyForward(t *testing.T) {
	l := newLog(t)
	put := func(seq uint64, welcome string) {
		t.Helper()
		r := &eventv1.ConnectionRecord{Connection: "c_1", Seq: seq, Parameters: &eventv1.Parameters{Welcome: welcome}}
		if err := l.PutConnection(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	put(5, "new")
	put(4, "old")
	put(5, "same")
	ctx, cancel := context.WithCancel(t.Context())
	var got []string
	err := l.WatchConnections(ctx, func(r *eventv1.ConnectionRecord) error {
		got = append(got, r.GetParameters().GetWelcome())
		return nil
	}, cancel)
	if !errors.Is(err, context.Canceled) || len(got) != 1 || got[0] != "new" {
		t.Error(got, err)
	}
}

func TestTopicsAreFoundBothWays(t *testing.T) {
	l := newLog(t)
	if _, err := l.TopicOf(t.Context(), "c_1", "7"); !errors.Is(err, es.ErrNotFound) {
		t.Fatal(err)
	}
	rec := &eventv1.TopicRecord{Thread: 70, Status: eventv1.Status_STATUS_CLOSED}
	if err := l.PutTopic(t.Context(), "c_1", "7", rec); err != nil {
		t.Fatal(err)
	}
	if got, err := l.TopicOf(t.Context(), "c_1", "7"); err != nil || !proto.Equal(got, rec) {
		t.Error(got, err)
	}
	if got, err := l.DialogOf(t.Context(), "c_1", 70); err != nil || got != "7" {
		t.Error(got, err)
	}
	if _, err := l.DialogOf(t.Context(), "c_2", 70); !errors.Is(err, es.ErrNotFound) {
		t.Error(err)
	}
	// The old topic is dropped after the dialog got a new one.
	if err := l.PutTopic(t.Context(), "c_1", "7", &eventv1.TopicRecord{Thread: 71}); err != nil {
		t.Fatal(err)
	}
	if err := l.DropTopic(t.Context(), "c_1", "7", 70); err != nil {
		t.Fatal(err)
	}
	if _, err := l.DialogOf(t.Context(), "c_1", 70); !errors.Is(err, es.ErrNotFound) {
		t.Error(err)
	}
	if got, err := l.TopicOf(t.Context(), "c_1", "7"); err != nil || got.GetThread() != 71 {
		t.Error(got, err)
	}
	if err := l.DropTopic(t.Context(), "c_1", "7", 71); err != nil {
		t.Fatal(err)
	}
	if _, err := l.TopicOf(t.Context(), "c_1", "7"); !errors.Is(err, es.ErrNotFound) {
		t.Error(err)
	}
}

func TestTokensAreSealed(t *testing.T) {
	n := newNode(t)
	l := n.open()
	sealer, err := seal.New(seal.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	const secret = "12345:AAAA-not-a-real-token-but-long-enough"
	s := l.Secrets(sealer)
	if _, err := s.Token(t.Context(), "c_1"); !errors.Is(err, es.ErrNotFound) {
		t.Fatal(err)
	}
	if err := s.PutToken(t.Context(), "c_1", config.NewSecret(secret)); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Token(t.Context(), "c_1"); err != nil || got.Reveal() != secret {
		t.Error(err)
	}
	stranger, err := seal.New(seal.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Secrets(stranger).Token(t.Context(), "c_1"); !errors.Is(err, seal.ErrOpen) {
		t.Error(err)
	}
	n.stop()
	if where := onDisk(t, n.dir(), []byte(secret[6:])); where != "" {
		t.Errorf("the token is readable in %s", where)
	}
	n.start()
}

// After an erasure neither a name nor a sealed byte of it, nor the key, is left on disk: not of former versions either.
func TestEraseLeavesNothingOnDisk(t *testing.T) {
	n := newNode(t)
	l := n.open()
	sealer, err := seal.New(seal.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	p := l.Profiles(sealer)
	if _, err := p.Get(t.Context(), "c_1", 7); !errors.Is(err, es.ErrNotFound) {
		t.Fatal(err)
	}
	var boxes [][]byte
	keep := func(stream, subject string) {
		msg, err := l.last(t.Context(), stream, subject)
		if err != nil {
			t.Fatal(err)
		}
		boxes = append(boxes, bytes.Clone(msg.Data))
	}
	for i := range 3 {
		for user := int64(7); user < 10; user++ {
			profile := &eventv1.Profile{FirstName: fmt.Sprintf("Ernestine-%d-%d", user, i)}
			if err := p.Put(t.Context(), "c_1", user, profile); err != nil {
				t.Fatal(err)
			}
			if got, err := p.Get(t.Context(), "c_1", user); err != nil || !proto.Equal(got, profile) {
				t.Fatal(got, err)
			}
		}
		keep(streamProfiles, profileSubject("c_1", 7))
	}
	keep(streamKeys, keySubject("c_1", 7))
	if onDisk(t, n.dir(), boxes[2]) == "" || onDisk(t, n.dir(), boxes[3]) == "" {
		t.Error("the search finds nothing that is surely there")
	}
	if where := onDisk(t, n.dir(), boxes[0]); where != "" {
		t.Errorf("a former version is in %s", where)
	}
	if err := p.Erase(t.Context(), "c_1", 7); err != nil {
		t.Fatal(err)
	}
	if err := p.Erase(t.Context(), "c_1", 7); err != nil {
		t.Errorf("erased again: %v", err)
	}
	for range 2 {
		for i, box := range boxes {
			if where := onDisk(t, n.dir(), box); where != "" {
				t.Errorf("box %d is in %s", i, where)
			}
		}
		if where := onDisk(t, n.dir(), []byte("Ernestine")); where != "" {
			t.Errorf("a name is readable in %s", where)
		}
		n.stop() // and the same once everything is written out and opened again
		n.start()
	}
	l = n.open()
	p = l.Profiles(sealer)
	if _, err := p.Get(t.Context(), "c_1", 7); !errors.Is(err, es.ErrNotFound) {
		t.Errorf("erased: %v", err)
	}
	if got, err := p.Get(t.Context(), "c_1", 8); err != nil || got.GetFirstName() != "Ernestine-8-2" {
		t.Errorf("somebody else: %v %v", got, err)
	}
	if err := p.Put(t.Context(), "c_1", 7, &eventv1.Profile{FirstName: "Again"}); err != nil {
		t.Fatal(err)
	}
	if got, err := p.Get(t.Context(), "c_1", 7); err != nil || got.GetFirstName() != "Again" {
		t.Error(got, err)
	}
}

func (n *node) dir() string { return n.cfg.Dir }

// onDisk names a file under dir that contains what, or is empty.
func onDisk(t *testing.T, dir string, what []byte) (where string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return ignoreGone(err)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return ignoreGone(err)
		}
		if bytes.Contains(content, what) {
			where = path
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return where
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
