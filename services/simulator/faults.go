package simulator

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// FaultKind is what goes wrong.
type FaultKind string

// The kinds of faults.
const (
	// FaultTooMany answers 429 with RetryAfter, without executing.
	FaultTooMany FaultKind = "429"
	// FaultStatus answers Status with an HTML body, without executing; with
	// Executed it executes first.
	FaultStatus FaultKind = "status"
	// FaultLatency waits Delay, then executes.
	FaultLatency FaultKind = "latency"
	// FaultSlow executes, then waits Delay before it answers.
	FaultSlow FaultKind = "slow"
	// FaultDrop closes the connection without executing.
	FaultDrop FaultKind = "drop"
	// FaultExecuteDrop executes, then closes the connection without an answer.
	FaultExecuteDrop FaultKind = "execute_drop"
	// FaultPartial makes copyMessages fail at item Nth (from 1), the earlier ones
	// being delivered.
	FaultPartial FaultKind = "partial"
	// FaultError answers Status with Text as an ordinary refusal.
	FaultError FaultKind = "error"
)

// Fault is a rule of the fault plan. A call meets the first rule that fits it.
type Fault struct {
	Kind FaultKind `json:"kind"`
	// Method the rule is for, any case; empty is every method but getUpdates.
	Method string `json:"method,omitempty"`
	// Chat the call must name as chat_id; 0 is any.
	Chat int64 `json:"chat,omitempty"`
	// Nth fitting call only, from 1; 0 is each (for FaultPartial the item).
	Nth int `json:"nth,omitempty"`
	// Times the rule strikes before it is spent; 0 is without end.
	Times int `json:"times,omitempty"`
	// Probability that it strikes; 0 is always.
	Probability float64       `json:"probability,omitempty"`
	RetryAfter  int           `json:"retry_after,omitempty"` // seconds
	Status      int           `json:"status,omitempty"`
	Text        string        `json:"text,omitempty"`
	Executed    bool          `json:"executed,omitempty"`
	Delay       time.Duration `json:"delay,omitempty"` // nanoseconds
}

type faultRule struct {
	Fault
	id, seen, struck int
}

type faultPlan struct {
	rules []*faultRule
	last  int
	hits  int
}

// AddFault puts a rule behind those in force. The id removes it.
func (s *Server) AddFault(f Fault) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.Method = strings.ToLower(f.Method)
	s.faults.last++
	s.faults.rules = append(s.faults.rules, &faultRule{Fault: f, id: s.faults.last})
	return s.faults.last
}

// RemoveFault ends one rule.
func (s *Server) RemoveFault(id int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range s.faults.rules {
		if r.id == id {
			s.faults.rules = append(s.faults.rules[:i:i], s.faults.rules[i+1:]...)
			return
		}
	}
}

// ClearFaults ends all rules.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.rules = nil
}

// FaultHits is how many calls met a fault.
func (s *Server) FaultHits() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults.hits
}

// draw finds the rule that c meets.
func (s *Server) draw(c *call, partial bool) *Fault {
	if len(s.faults.rules) == 0 {
		return nil
	}
	method := strings.ToLower(c.method)
	for _, r := range s.faults.rules {
		if r.Method != method && (r.Method != "" || method == "getupdates") || (r.Kind == FaultPartial) != partial {
			continue
		}
		if r.Chat != 0 && r.Chat != c.p.int64("chat_id") || r.Times > 0 && r.struck >= r.Times {
			continue
		}
		r.seen++
		if !partial && r.Nth > 0 && r.seen != r.Nth || r.Probability > 0 && s.rng.Float64() >= r.Probability {
			continue
		}
		r.struck++
		s.faults.hits++
		f := r.Fault
		return &f
	}
	return nil
}

func (p *faultPlan) partial(c *call) *Fault { return c.s.draw(c, true) }

// before acts before the call is executed; true: it is answered, or dropped.
func (f *Fault) before(ctx context.Context, w http.ResponseWriter) bool {
	switch f.Kind {
	case FaultTooMany:
		tooMany(max(f.RetryAfter, 1)).write(w)
		return true
	case FaultError:
		(&apiError{code: f.Status, text: f.Text}).write(w)
		return true
	case FaultStatus:
		if f.Executed {
			return false
		}
		writeHTML(w, f.Status)
		return true
	case FaultDrop:
		panic(http.ErrAbortHandler) // closes the connection without a word
	case FaultLatency:
		pause(ctx, f.Delay)
	}
	return false
}

// after acts when it has been executed; true: it is answered, or dropped.
func (f *Fault) after(ctx context.Context, w http.ResponseWriter) bool {
	switch f.Kind {
	case FaultExecuteDrop:
		panic(http.ErrAbortHandler)
	case FaultSlow:
		pause(ctx, f.Delay)
	case FaultStatus:
		writeHTML(w, f.Status)
		return true
	}
	return false
}

func writeHTML(w http.ResponseWriter, status int) {
	if status == 0 {
		status = http.StatusBadGateway
	}
	text := strconv.Itoa(status) + " " + http.StatusText(status)
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	w.Write([]byte("<html>\r\n<head><title>" + text + "</title></head>\r\n<body>\r\n<center><h1>" + text +
		"</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"))
}

// pause waits d or until the caller is gone.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
