package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
)

// The control API drives a simulator in another process. Requests and answers
// are JSON; README.md lists the routes. An error is {"error": "…"}.

var errNotFound = errors.New("not found")

// serveControl serves /control/ to callers on this machine only.
func (s *Server) serveControl(w http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		http.Error(w, `{"error":"loopback only"}`, http.StatusForbidden)
		return
	}
	s.control.ServeHTTP(w, r)
}

// route registers a handler that takes an In and returns anything.
func route[In any](mux *http.ServeMux, pattern string, f func(*http.Request, In) (any, error)) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		var in In
		out, err := any(nil), decodeBody(r, &in)
		if err == nil {
			out, err = f(r, in)
		}
		w.Header().Set("Content-Type", "application/json")
		if err != nil {
			status := http.StatusBadRequest
			if errors.Is(err, errNotFound) {
				status = http.StatusNotFound
			}
			w.WriteHeader(status)
			out = map[string]string{"error": err.Error()}
		}
		if out == nil {
			out = map[string]bool{"ok": true}
		}
		if json.NewEncoder(w).Encode(out) != nil {
			return // the caller is gone
		}
	})
}

func decodeBody(r *http.Request, in any) error {
	if r.Method != http.MethodPost {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil || len(body) == 0 {
		return err
	}
	return json.Unmarshal(body, in)
}

type none struct{}

func (s *Server) controlRoutes() *http.ServeMux {
	mux := http.NewServeMux()
	s.routeWorld(mux)
	s.routeCustomers(mux)
	s.routeOperators(mux)
	s.routeJudge(mux)
	return mux
}

// routeWorld has what makes bots, groups and people.
func (s *Server) routeWorld(mux *http.ServeMux) {
	type named struct {
		Name string `json:"name"`
	}
	route(mux, "POST /control/bots", func(_ *http.Request, in named) (any, error) {
		b := s.NewBot(in.Name)
		return map[string]any{"id": b.ID(), "token": b.Token(), "username": b.Username()}, nil
	})
	route(mux, "GET /control/bots", func(*http.Request, none) (any, error) { return s.botList(), nil })
	route(mux, "POST /control/groups", s.controlGroup)
	route(mux, "POST /control/customers", s.controlCustomers)
	route(mux, "POST /control/operators", s.controlOperator)
	route(mux, "POST /control/reset", func(*http.Request, none) (any, error) { s.Reset(); return nil, nil })
	route(mux, "GET /control/groups/{id}/topics", func(r *http.Request, _ none) (any, error) {
		g, err := s.groupOf(pathID(r))
		if err != nil {
			return nil, err
		}
		return g.Topics(), nil
	})
	route(mux, "GET /control/groups/{id}/messages", func(r *http.Request, _ none) (any, error) {
		g, err := s.groupOf(pathID(r))
		if err != nil {
			return nil, err
		}
		return orEmpty(g.Messages(queryID(r, "topic"))), nil
	})
	route(mux, "GET /control/groups/{id}/copies", s.controlCopies)
	route(mux, "POST /control/groups/{id}/{action}", s.controlGroupAction)
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func pathID(r *http.Request) int64 { n, _ := strconv.ParseInt(r.PathValue("id"), 10, 64); return n }
func queryID(r *http.Request, key string) int64 {
	n, _ := strconv.ParseInt(r.URL.Query().Get(key), 10, 64)
	return n
}

type botInfo struct {
	ID       int64  `json:"id"`
	Username string `json:"username"`
	Token    string `json:"token"`
	Pending  int    `json:"pending"`
	Dropped  int    `json:"dropped"`
}

func (s *Server) botList() []botInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []botInfo{}
	for _, b := range s.bots {
		out = append(out, botInfo{b.u.id, b.u.username, b.token, b.queue.pending(), b.queue.dropped})
	}
	return out
}

// botOf finds a bot; 0 is the first.
func (s *Server) botOf(id int64) (*Bot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.bots {
		if id == 0 || b.u.id == id {
			return b, nil
		}
	}
	return nil, fmt.Errorf("bot %d: %w", id, errNotFound)
}

func (s *Server) groupOf(id int64) (*Group, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.chats[id]; c != nil {
		return &Group{s, c}, nil
	}
	return nil, fmt.Errorf("group %d: %w", id, errNotFound)
}

type groupInput struct {
	Title   string  `json:"title"`
	Owner   string  `json:"owner"`
	Bots    []int64 `json:"bots"`
	Rights  *Rights `json:"rights"`
	Member  bool    `json:"member"`
	NoForum bool    `json:"no_forum"`
	Basic   bool    `json:"basic"`
}

func (s *Server) controlGroup(_ *http.Request, in groupInput) (any, error) {
	o := GroupOptions{Title: in.Title, Owner: in.Owner, Rights: in.Rights, Member: in.Member, NoForum: in.NoForum, Basic: in.Basic}
	for _, id := range in.Bots {
		b, err := s.botOf(id)
		if err != nil {
			return nil, err
		}
		o.Bots = append(o.Bots, b)
	}
	g := s.NewGroup(o)
	return map[string]any{"id": g.ID(), "owner": g.Owner().ID()}, nil
}

type groupAction struct {
	Bot    int64  `json:"bot"`
	Rights Rights `json:"rights"`
	On     bool   `json:"on"`
}

func (s *Server) controlGroupAction(r *http.Request, in groupAction) (any, error) {
	g, err := s.groupOf(pathID(r))
	if err != nil {
		return nil, err
	}
	b, err := s.botOf(in.Bot)
	if err != nil {
		return nil, err
	}
	switch action := r.PathValue("action"); action {
	case "add", "rights":
		g.Add(b, in.Rights)
	case "member":
		g.AddMember(b)
	case "kick":
		g.Kick(b)
	case "writable":
		g.SetWritable(b, in.On)
	case "forum":
		g.SetForum(in.On)
	case "protected":
		g.SetProtected(in.On)
	case "copy_refused":
		g.SetCopyRefused(in.On)
	case "migrate":
		return map[string]int64{"id": g.Migrate().ID()}, nil
	default:
		return nil, fmt.Errorf("action %q: %w", action, errNotFound)
	}
	return nil, nil
}
