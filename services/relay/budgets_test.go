package relay

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/pkg/tg"
)

// counter notes the calls to each chat, as Telegram counts them.
type counter struct {
	mu sync.Mutex
	at map[int64][]time.Time
}

func newCounter() *counter { return &counter{at: map[int64][]time.Time{}} }

func (c *counter) count(method string, p params) error {
	if method == "getMe" || method == "getChat" {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at[p.Chat] = append(c.at[p.Chat], time.Now())
	return nil
}

func (c *counter) calls(chat int64) []time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]time.Time(nil), c.at[chat]...)
}

// kept checks that no window of a length holds more calls than so many.
func (c *counter) kept(t *testing.T, chat int64, most int, length time.Duration) {
	t.Helper()
	at := c.calls(chat)
	for i := most; i < len(at); i++ {
		if span := at[i].Sub(at[i-most]); span < length {
			t.Errorf("chat %d: %d calls in %v", chat, most+1, span)
		}
	}
}

// die ends the process now.
func (k *killed) die() {
	k.calls.Lock()
	close(k.dead)
	k.calls.Unlock()
}

// Telegram goes on counting when a process ends: who takes over begins with what is left.
func TestLimitsOutliveTheProcess(t *testing.T) {
	limits := tg.Limits{PrivateEvery: 2 * time.Second, PrivateBurst: 1, GroupUnits: 6, GroupWindow: 3 * time.Second, TotalUnits: 30, TotalWindow: time.Second}
	for _, step := range []string{"stopped", "after_call", "before_done", "after_done"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			m, api, calls := newMemory(), newTelegram(), newCounter()
			api.setFault(calls.count, nil)
			paced := func(c *Config, _ *Deps) { c.Limits = limits }
			for c := int64(7); c <= 8; c++ {
				m.commit("dialog", fmt.Sprint(c), copyOf(customer, testGroup, c, ""), copyOf(desk, c, 1, ""), copyOf(desk, c, 2, ""), copyOf(desk, c, 3, ""))
				m.commit("dialog", fmt.Sprint(c), copyOf(customer, testGroup, 10+c, ""))
			}
			if step == "stopped" {
				_, stop := start(t, m, api, paced)
				eventually(t, "the limits are used up", func() bool { return len(calls.calls(testGroup)) >= limits.GroupUnits && len(calls.calls(7)) > 0 })
				stop()
			} else {
				k := &killed{api: api, step: step, left: 5, dead: make(chan struct{})}
				abandonRelay(t, m, k, paced)
				<-k.dead
			}
			start(t, m, api, paced)
			for c := int64(7); c <= 8; c++ {
				eventually(t, "all arrive", func() bool { return len(api.copies(testGroup, c)) >= 3 && len(api.copies(c, testGroup)) >= 2 })
				calls.kept(t, c, limits.PrivateBurst, limits.PrivateEvery)
			}
			calls.kept(t, testGroup, limits.GroupUnits, limits.GroupWindow)
		})
	}
}

// A pause that Telegram asked for is kept to its end, whoever goes on.
func TestPausesOutliveTheProcess(t *testing.T) {
	const seconds = 2
	for _, end := range []string{"stopped", "killed"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			m, api, calls := newMemory(), newTelegram(), newCounter()
			var refused time.Time
			api.setFault(func(method string, p params) error {
				if p.Chat == 7 && len(calls.calls(7)) == 0 {
					refused = time.Now()
					_ = calls.count(method, p)
					return limited(seconds)
				}
				return calls.count(method, p)
			}, nil)
			m.commit("dialog", "7", copyOf(customer, testGroup, 1, ""))
			noted := func() bool {
				for _, record := range m.records() {
					if record.GetLimited() != nil {
						return true
					}
				}
				return false
			}
			if end == "stopped" {
				_, stop := start(t, m, api)
				eventually(t, "the pause is noted", noted)
				stop()
			} else {
				k := &killed{api: api, dead: make(chan struct{})}
				abandonRelay(t, m, k)
				eventually(t, "the pause is noted", noted)
				k.die()
			}
			start(t, m, api)
			eventually(t, "the answer arrives", func() bool { return len(api.copies(7, testGroup)) == 1 })
			if waited := calls.calls(7)[1].Sub(refused); waited < seconds*time.Second {
				t.Errorf("called again after %v", waited)
			}
		})
	}
}

func TestOldSpendingsAreForgotten(t *testing.T) {
	h, begin := newHistory(testGroup), time.Unix(1_800_000_000, 0)
	for i := range 10 * spentMost {
		h.charge(7, 1, begin.Add(time.Duration(i)*time.Second))
	}
	if n := len(h.spendings); n > 2*spentMost+2 {
		t.Errorf("%d spendings are kept", n)
	}
}
