package simulator

import (
	"math"
	"strings"
	"time"
)

// Limits that Telegram sets on a bot. A zero number switches that limit off.
type Limits struct {
	// PrivatePerSecond to one private chat, with a burst of PrivateBurst (1 if 0).
	PrivatePerSecond float64 `json:"private_per_second,omitempty"`
	PrivateBurst     int     `json:"private_burst,omitempty"`
	// GroupPerMinute per bot and group: messages, edits, topic operations; each
	// item of an album counts.
	GroupPerMinute int `json:"group_per_minute,omitempty"`
	// OverallPerSecond to all chats together.
	OverallPerSecond int `json:"overall_per_second,omitempty"`
	// Typing limits sendChatAction to 20 in 5 s and 40 in 30 s per chat.
	Typing bool `json:"typing,omitempty"`
}

// TelegramLimits are the documented ones.
func TelegramLimits() Limits {
	return Limits{PrivatePerSecond: 1, PrivateBurst: 3, GroupPerMinute: 20, OverallPerSecond: 30, Typing: true}
}

// LimitStats counts what the limits did.
type LimitStats struct {
	// Hits are the answers 429, Ignored those to calls that came before the
	// retry_after of an earlier 429 was over.
	Hits    int `json:"hits"`
	Ignored int `json:"ignored"`
	// Longest retry_after given, in seconds.
	Longest int `json:"longest"`
	// ByChat are the hits per chat.
	ByChat map[int64]int `json:"by_chat,omitempty"`
	// Counted are the units that calls took from the budgets, InGroups those of
	// them that went to groups: an item of an album each. Nothing is counted
	// while no limit is in force, and typing never.
	Counted  int `json:"counted"`
	InGroups int `json:"in_groups"`
}

const maxBan = 7728 // seconds; the longest that was ever reported

type limitKey struct {
	bot    int64
	chat   int64 // 0: all
	typing time.Duration
}

// window remembers when the last calls were made.
type window struct {
	at     []time.Time
	tokens float64
	last   time.Time
	ban    time.Time
	ignore int
}

type limiter struct {
	l       Limits
	windows map[limitKey]*window
	stats   LimitStats
}

func newLimiter(l Limits) limiter {
	return limiter{l: l, windows: map[limitKey]*window{}, stats: LimitStats{ByChat: map[int64]int{}}}
}

// SetLimits puts other limits in force. What was spent is forgotten.
func (s *Server) SetLimits(l Limits) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := s.limits.stats
	s.limits = newLimiter(l)
	s.limits.stats = stats
}

// LimitStats tells how often limits were hit.
func (s *Server) LimitStats() LimitStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.limits.stats
	out.ByChat = map[int64]int{}
	for k, v := range s.limits.stats.ByChat {
		out.ByChat[k] = v
	}
	return out
}

func (l *limiter) window(k limitKey) *window {
	w := l.windows[k]
	if w == nil {
		w = &window{tokens: math.Inf(1)}
		l.windows[k] = w
	}
	return w
}

// refuses answers calls that come during a ban of their chat.
func (l *limiter) refuses(c *call) *apiError {
	if len(l.windows) == 0 || strings.HasPrefix(strings.ToLower(c.method), "get") {
		return nil
	}
	now := c.s.clock.Now()
	for _, chat := range []int64{0, c.p.int64("chat_id")} {
		w := l.windows[limitKey{bot: c.b.u.id, chat: chat}]
		if w == nil || !now.Before(w.ban) || !limited(c.method) {
			continue
		}
		// whoever does not wait is made to wait longer
		l.stats.Ignored++
		w.ignore++
		left := int(math.Ceil(w.ban.Sub(now).Seconds()))
		return l.hit(w, chat, now, min(left<<min(w.ignore-1, 10), maxBan))
	}
	return nil
}

// limited tells whether a method spends the budget of its chat.
func limited(method string) bool {
	m := strings.ToLower(method)
	switch {
	case m == "sendchataction":
		return false
	case strings.HasPrefix(m, "send"), strings.HasPrefix(m, "copy"), strings.HasPrefix(m, "forward"),
		strings.HasPrefix(m, "edit"), strings.HasSuffix(m, "forumtopic"), m == "pinchatmessage":
		return true
	}
	return false
}

func (l *limiter) hit(w *window, chat int64, now time.Time, seconds int) *apiError {
	seconds = max(seconds, 1)
	w.ban = now.Add(time.Duration(seconds) * time.Second)
	l.stats.Hits++
	l.stats.ByChat[chat]++
	l.stats.Longest = max(l.stats.Longest, seconds)
	return tooMany(seconds)
}

// spend takes n messages from the budgets of ch, or refuses.
func (s *Server) spend(c *call, ch *chat, n int) *apiError {
	l, now := &s.limits, s.clock.Now()
	if l.l == (Limits{}) {
		return nil
	}
	bot := c.b.u.id
	all, one := l.window(limitKey{bot: bot}), l.window(limitKey{bot: bot, chat: ch.id})
	if max := l.l.OverallPerSecond; max > 0 {
		if wait := all.wait(now, time.Second, max, n); wait > 0 {
			return l.hit(all, 0, now, ceilSeconds(wait))
		}
	}
	if max := l.l.GroupPerMinute; max > 0 && ch.group() {
		if wait := one.wait(now, time.Minute, max, n); wait > 0 {
			return l.hit(one, ch.id, now, ceilSeconds(wait))
		}
	}
	if rate := l.l.PrivatePerSecond; rate > 0 && !ch.group() {
		if wait := one.take(now, rate, max(l.l.PrivateBurst, 1), n); wait > 0 {
			return l.hit(one, ch.id, now, ceilSeconds(wait))
		}
	}
	for range n {
		all.at = append(all.at, now)
		if ch.group() { // a private chat has its bucket
			one.at = append(one.at, now)
		}
	}
	one.ignore, all.ignore = 0, 0
	l.stats.Counted += n
	if ch.group() {
		l.stats.InGroups += n
	}
	return nil
}

func ceilSeconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }

// wait is how long until n more fit into max per span. A batch greater than max
// fits into an empty span.
func (w *window) wait(now time.Time, span time.Duration, max, n int) time.Duration {
	old := 0
	for old < len(w.at) && now.Sub(w.at[old]) >= span {
		old++
	}
	w.at = append(w.at[:0], w.at[old:]...)
	over := len(w.at) + n - max
	if over <= 0 || len(w.at) == 0 {
		return 0
	}
	return span - now.Sub(w.at[min(over, len(w.at))-1])
}

// take is a token bucket.
func (w *window) take(now time.Time, rate float64, burst, n int) time.Duration {
	w.tokens = math.Min(float64(burst), w.tokens+now.Sub(w.last).Seconds()*rate)
	w.last = now
	need := math.Min(float64(n), float64(burst))
	if w.tokens < need-1e-9 {
		return time.Duration((need - w.tokens) / rate * float64(time.Second))
	}
	w.tokens -= float64(n)
	return 0
}

// typing is the separate budget of sendChatAction.
func (l *limiter) typing(c *call, ch *chat, now time.Time) *apiError {
	if !l.l.Typing {
		return nil
	}
	for _, rule := range []struct {
		span time.Duration
		max  int
	}{{5 * time.Second, 20}, {30 * time.Second, 40}} {
		w := l.window(limitKey{c.b.u.id, ch.id, rule.span})
		if wait := w.wait(now, rule.span, rule.max, 1); wait > 0 {
			return l.hit(w, ch.id, now, ceilSeconds(wait))
		}
		w.at = append(w.at, now)
	}
	return nil
}
