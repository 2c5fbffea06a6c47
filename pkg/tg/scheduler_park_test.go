package tg

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A chat whose pauses grow is left alone at least as long as it is told each time, and the others are served meanwhile.
func TestGrowingPausesAreKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := NewScheduler[int](TelegramLimits())
		chats := []int64{-1, 1, 2}
		for _, chat := range chats {
			s.Push(Job[int]{Priority: PriorityDesk, Chat: chat})
		}
		now := epoch
		var until time.Time
		pause, refusals, others := time.Duration(0), 0, 0
		for range 400 {
			g, ok, at := s.Next(now)
			if !ok {
				if at.IsZero() {
					t.Fatal("the scheduler has stopped")
				}
				now = at
				continue
			}
			if g.Chat == -1 && now.Before(until) {
				t.Fatalf("called %v early", until.Sub(now))
			}
			now = now.Add(time.Duration(rapid.IntRange(0, 200).Draw(t, "ms")) * time.Millisecond)
			s.Finish(g, now)
			s.Push(g.Job)
			if g.Chat != -1 {
				others++
				continue
			}
			// Each refusal asks for a longer pause, and later on somebody asks for a shorter one.
			pause += time.Duration(rapid.IntRange(1, 20).Draw(t, "longer")) * time.Second
			until = now.Add(pause)
			refusals++
			s.Park(-1, until)
			s.Park(-1, now.Add(pause/2))
			s.Park(-1, now)
			if got := s.Parked(-1); !got.Equal(until) {
				t.Fatalf("parked until %v, not %v", got, until)
			}
			if got := s.Parked(1); got.After(now) {
				t.Fatal("the pause of a chat concerns another")
			}
		}
		if refusals < 3 || others < 20*refusals/2 {
			t.Fatalf("%d refusals, %d calls to other chats", refusals, others)
		}
	})
}

func TestParkedOthers(t *testing.T) {
	s := NewScheduler[int](TelegramLimits())
	s.Park(1, epoch.Add(time.Second))
	s.Park(2, epoch.Add(2*time.Second))
	s.Park(-3, epoch.Add(time.Minute))
	for _, c := range []struct {
		chat int64
		at   time.Duration
		want int
	}{{1, 0, 2}, {7, 0, 3}, {1, time.Second, 2}, {-3, time.Second, 1}, {-3, 2 * time.Second, 0}, {1, time.Minute, 0}} {
		if n := s.ParkedOthers(c.chat, epoch.Add(c.at)); n != c.want {
			t.Errorf("%d others than %d are parked after %v, want %d", n, c.chat, c.at, c.want)
		}
	}
	if len(s.parked) != 0 {
		t.Errorf("%d parks are remembered", len(s.parked))
	}
}

// When nothing overtakes it and calls take no time, a copy waits exactly as long as Delay says.
func TestDelayIsRight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := TelegramLimits()
		l.TotalUnits = 0
		c := newCrowd(l)
		chat := rapid.SampledFrom([]int64{-1, 1}).Draw(t, "chat")
		told := []time.Duration{}
		for range rapid.IntRange(1, 20).Draw(t, "bursts") {
			for range rapid.IntRange(1, 30).Draw(t, "size") {
				told = append(told, c.s.Delay(chat, c.now))
				c.push(PriorityDesk, chat, 1)
			}
			jobs, units := c.s.Backlog(chat)
			c.run(c.now.Add(time.Duration(rapid.IntRange(0, 40_000).Draw(t, "gap"))*time.Millisecond), instant)
			if after, _ := c.s.Backlog(chat); jobs != units || jobs-after < 0 || after != c.s.Queued(PriorityDesk) {
				t.Fatalf("backlog of %d jobs with %d units, then %d jobs", jobs, units, after)
			}
		}
		c.run(c.now.Add(24*time.Hour), instant)
		for _, call := range c.calls {
			if wait := call.at.Sub(c.jobs[call.value].pushed); wait != told[call.value] {
				t.Fatalf("copy %d waited %v, said was %v", call.value, wait, told[call.value])
			}
		}
	})
}

func TestDelayOfParks(t *testing.T) {
	s := NewScheduler[int](TelegramLimits())
	if d := s.Delay(-1, epoch); d != 0 {
		t.Errorf("an unknown chat waits %v", d)
	}
	s.Park(-1, epoch.Add(time.Hour))
	s.ParkAll(epoch.Add(time.Second))
	for range 45 {
		s.Push(Job[int]{Priority: PriorityDesk, Chat: -1, Units: 1})
	}
	s.Push(Job[int]{Priority: PriorityCosmetic, Chat: -1, Units: 7}) // behind any desk copy
	if jobs, units := s.Backlog(-1); jobs != 46 || units != 52 {
		t.Errorf("backlog of %d jobs, %d units", jobs, units)
	}
	if jobs, units := s.Backlog(-2); jobs != 0 || units != 0 {
		t.Errorf("backlog of %d jobs, %d units", jobs, units)
	}
	for chat, want := range map[int64]time.Duration{-1: time.Hour + 2*time.Minute, -2: time.Second, 1: time.Second} {
		if d := s.Delay(chat, epoch); d != want {
			t.Errorf("a copy to %d waits %v, want %v", chat, d, want)
		}
	}
}
