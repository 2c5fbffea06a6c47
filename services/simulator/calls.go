package simulator

import (
	"strings"
	"time"
)

// Call is a remembered call of the Bot API.
type Call struct {
	Seq    int               `json:"seq"`
	At     time.Time         `json:"at"`
	Bot    int64             `json:"bot"`
	Method string            `json:"method"`
	Params map[string]string `json:"params"`
	// Code is 200 or the error's; 0 while the call runs, or when the connection
	// was dropped before.
	Code        int    `json:"code"`
	Description string `json:"description,omitempty"`
	// Fault that the call met.
	Fault FaultKind `json:"fault,omitempty"`

	p params
}

// callRing keeps the last calls.
type callRing struct {
	max    int
	list   []*Call
	next   int
	total  int
	counts map[string]int
}

func (r *callRing) add(c *Call) {
	r.total++
	c.Seq = r.total
	if len(r.list) < r.max {
		r.list = append(r.list, c)
		return
	}
	r.list[r.next] = c
	r.next = (r.next + 1) % r.max
}

// beginCall records the call and draws its fault.
func (s *Server) beginCall(c *call) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.rec = &Call{At: s.clock.Now(), Bot: c.b.u.id, Method: c.method, p: c.p}
	s.calls.add(c.rec)
	if s.calls.counts == nil {
		s.calls.counts = map[string]int{}
	}
	s.calls.counts[strings.ToLower(c.method)]++
	f := s.draw(c, false)
	if f != nil {
		c.rec.Fault = f.Kind
	}
	return f
}

func (s *Server) endCall(c *call, err *apiError) {
	s.mu.Lock()
	if err != nil {
		c.rec.Code, c.rec.Description = err.code, err.text
	} else {
		c.rec.Code = 200
	}
	s.mu.Unlock()
}

// Calls returns the remembered calls of a method (any case; "" is all), oldest
// first.
func (s *Server) Calls(method string) []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Call
	r := &s.calls
	for i := range r.list {
		c := *r.list[(r.next+i)%len(r.list)]
		if method != "" && !strings.EqualFold(c.Method, method) {
			continue
		}
		c.Params = make(map[string]string, len(c.p))
		for _, p := range c.p {
			c.Params[p.key] = string(p.val)
		}
		out = append(out, c)
	}
	return out
}

// CountCalls is how often a method was called since the start or Reset.
func (s *Server) CountCalls(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls.counts[strings.ToLower(method)]
}
