package simulator

import (
	"context"
	"net/http"
	"strconv"
	"strings"
)

// call is one Bot API call being served.
type call struct {
	s      *Server
	b      *Bot
	method string
	p      params
	rec    *Call
	note   string // description beside a result
	wait   func(context.Context) ([]byte, *apiError)
}

type handler func(*call) ([]byte, *apiError)

// ServeHTTP serves the Bot API and, for loopback callers, /control/.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.serving.enter() {
		errRestart().write(w)
		return
	}
	defer s.serving.leave()
	switch path := r.URL.Path; {
	case strings.HasPrefix(path, "/bot"):
		s.serveBot(w, r, path[len("/bot"):])
	case strings.HasPrefix(path, "/file/bot"):
		s.serveFile(w, path[len("/file/bot"):])
	case strings.HasPrefix(path, "/control/"):
		s.serveControl(w, r)
	default:
		(&apiError{code: 404, text: "Not Found"}).write(w)
	}
}

func (s *Server) serveFile(w http.ResponseWriter, path string) {
	token, name, ok := strings.Cut(path, "/")
	s.mu.Lock()
	known := s.byToken[token] != nil
	s.mu.Unlock()
	if !ok || !known {
		(&apiError{code: 404, text: "Not Found"}).write(w)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Write([]byte("simulated file " + name))
}

func (s *Server) serveBot(w http.ResponseWriter, r *http.Request, path string) {
	token, method, ok := strings.Cut(path, "/")
	if !ok {
		(&apiError{code: 404, text: "Not Found"}).write(w)
		return
	}
	if digits, _, ok := strings.Cut(token, ":"); !ok || digits == "" || strings.Trim(digits, "0123456789") != "" {
		(&apiError{code: 401, text: "Unauthorized: invalid token specified"}).write(w)
		return
	}
	s.mu.Lock()
	b := s.byToken[token]
	s.mu.Unlock()
	if b == nil {
		(&apiError{code: 401, text: "Unauthorized"}).write(w)
		return
	}
	p, err := readParams(r)
	if err != nil {
		badRequest(err.Error()).write(w)
		return
	}
	method = strings.TrimPrefix(method, "test/")
	if v, ok := p.get("method"); ok && method == "" {
		method = string(v)
	}
	s.serveCall(w, r, &call{s: s, b: b, method: method, p: p})
}

func (s *Server) serveCall(w http.ResponseWriter, r *http.Request, c *call) {
	h, ok := s.methods[c.method]
	if !ok {
		c.method = strings.ToLower(c.method)
		if h, ok = s.methods[c.method]; !ok {
			(&apiError{code: 404, text: "Not Found: method not found"}).write(w)
			return
		}
	}
	f := s.beginCall(c)
	if f != nil && f.before(r.Context(), w) {
		s.endCall(c, &apiError{text: "fault " + string(f.Kind)})
		return
	}
	result, apiErr := s.execute(r.Context(), c, h)
	s.endCall(c, apiErr)
	if f != nil && f.after(r.Context(), w) {
		return
	}
	if apiErr != nil {
		apiErr.write(w)
		return
	}
	writeResult(w, result, c.note)
}

// execute runs the handler under the lock, and its waiting part without.
func (s *Server) execute(ctx context.Context, c *call, h handler) ([]byte, *apiError) {
	s.mu.Lock()
	if err := s.limits.refuses(c); err != nil {
		s.mu.Unlock()
		return nil, err
	}
	result, err := h(c)
	s.mu.Unlock()
	s.notify()
	if c.wait != nil {
		return c.wait(ctx)
	}
	return result, err
}

func writeResult(w http.ResponseWriter, result []byte, note string) {
	const head = `{"ok":true,"result":`
	tail := "}"
	if note != "" {
		tail = string(appendField(nil, "description", note)) + tail
	}
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(head) + len(result) + len(tail))}
	if len(result) < 16<<10 {
		b := make([]byte, 0, len(head)+len(result)+len(tail))
		b = append(append(append(b, head...), result...), tail...)
		w.Write(b)
		return
	}
	w.Write([]byte(head))
	w.Write(result)
	w.Write([]byte(tail))
}
