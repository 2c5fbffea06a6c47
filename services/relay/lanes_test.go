package relay

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

func item(no uint64, album string, chat, message int64, came time.Time) request {
	return request{no: no, seq: no * 10, came: came, copy: &eventv1.Copy{
		Album: album, Source: &eventv1.MessageRef{Chat: chat, Message: message}}}
}

func TestAlbumTurns(t *testing.T) {
	t0 := time.Unix(1000, 0)
	a := func(no uint64, message int64) request { return item(no, "a", 1, message, t0) }
	single := func(no uint64) request { return item(no, "", 1, int64(no), t0) }
	ten := []request{}
	for i := uint64(1); i <= 11; i++ {
		ten = append(ten, a(i, int64(i)))
	}
	notice := request{no: 3, seq: 30, notice: &eventv1.Notice{}}
	cases := map[string]struct {
		head   []request
		spill  uint64
		opened time.Time
		at     time.Duration
		want   turn
	}{
		"nothing":                     {},
		"only on disk":                {spill: 5, want: turn{more: true}},
		"single":                      {head: []request{single(1), a(2, 2)}, want: turn{size: 1}},
		"one item waits":              {head: []request{a(1, 1)}, want: turn{due: t0.Add(quiet)}},
		"one item after quiet":        {head: []request{a(1, 1)}, at: quiet, want: turn{size: 1}},
		"followed by a single":        {head: []request{a(1, 1), a(2, 2), single(3)}, want: turn{size: 2}},
		"followed by a notice":        {head: []request{a(1, 1), a(2, 2), notice}, want: turn{size: 2}},
		"followed by another album":   {head: []request{a(1, 1), item(2, "b", 1, 2, t0)}, want: turn{size: 1}},
		"another chat":                {head: []request{a(1, 1), item(2, "a", 2, 2, t0)}, want: turn{size: 1}},
		"ids go back":                 {head: []request{a(1, 5), a(2, 4)}, want: turn{size: 1}},
		"full":                        {head: ten[:10], want: turn{size: 10}},
		"more than full":              {head: ten, want: turn{size: 10}},
		"the rest is on disk":         {head: []request{a(1, 1)}, spill: 20, want: turn{more: true}},
		"quiet counts from the start": {head: []request{a(1, 1)}, opened: t0.Add(5 * time.Second), at: 5 * time.Second, want: turn{due: t0.Add(6 * time.Second)}},
	}
	for name, c := range cases {
		ln := newLane(laneKey{"7", desk}, 0)
		ln.head, ln.spill = c.head, c.spill
		if got := ln.next(c.opened, t0.Add(c.at)); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestAnotherTryCarriesTheSame(t *testing.T) {
	t0 := time.Unix(1000, 0)
	ln := newLane(laneKey{"7", desk}, 0)
	for i := uint64(1); i <= 4; i++ {
		ln.offer(item(i, "a", 1, int64(i), t0), true)
	}
	ln.again = &eventv1.Delivery{FirstNo: 1, LastNo: 2}
	if got := ln.next(t0, t0); got != (turn{size: 2}) {
		t.Errorf("%+v, want the two of the first try", got)
	}
	ln.head, ln.spill = nil, 10
	if got := ln.next(t0, t0); got != (turn{more: true}) {
		t.Errorf("%+v, want to read on", got)
	}
}

// A lane hands out every request once and in order, whatever part of it is in memory, and however often the reader or
// the log tells of it.
func TestLaneLosesAndDoublesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ln := newLane(laneKey{"7", desk}, 0)
		var asked, served uint64
		log := func(from, tail uint64, room int) (out []request, next uint64, whole bool) {
			next = from
			for no := uint64(1); no <= asked; no++ {
				if no*10 < from || no <= tail {
					continue
				}
				if len(out) == room {
					return out, no * 10, false
				}
				out = append(out, item(no, "", 1, int64(no), time.Time{}))
				next = no * 10
			}
			return out, next, true
		}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				asked++
				ln.offer(item(asked, "", 1, int64(asked), time.Time{}), rapid.Bool().Draw(t, "room"))
			case 1:
				if asked > 0 { // told of again
					no := rapid.Uint64Range(1, asked).Draw(t, "old")
					if fresh, _ := ln.offer(item(no, "", 1, int64(no), time.Time{}), true); fresh {
						t.Fatalf("%d is new again", no)
					}
				}
			case 2:
				if ln.spill != 0 && len(ln.head) == 0 {
					requests, next, whole := log(ln.spill, ln.tail(), headSize)
					ln.restock(requests, next, whole)
				}
			case 3:
				if len(ln.head) > 0 {
					if ln.head[0].no != served+1 {
						t.Fatalf("%d after %d", ln.head[0].no, served)
					}
					ln.settle(1)
					served++
				}
			}
			if len(ln.head) > headSize {
				t.Fatalf("%d in memory", len(ln.head))
			}
			if ln.empty() != (served == asked) {
				t.Fatalf("empty %v, served %d of %d", ln.empty(), served, asked)
			}
			if no, seq := ln.first(); !ln.empty() && (no != served+1 || seq > (served+1)*10) {
				t.Fatalf("first is %d at %d after %d", no, seq, served)
			}
		}
	})
}
