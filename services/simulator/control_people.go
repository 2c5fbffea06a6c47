package simulator

import (
	"fmt"
	"net/http"
	"strings"
)

func (s *Server) controlCustomers(_ *http.Request, in struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}) (any, error) {
	if _, err := s.botOf(0); err != nil {
		return nil, err
	}
	if in.Count == 0 {
		return map[string]int64{"id": s.NewCustomer(in.Name).ID()}, nil
	}
	var out []int64
	for i := range in.Count {
		out = append(out, s.NewCustomer(fmt.Sprintf("%s %d", in.Name, i+1)).ID())
	}
	return map[string]any{"ids": out}, nil
}

func (s *Server) controlOperator(_ *http.Request, in struct {
	Group  int64   `json:"group"`
	Name   string  `json:"name"`
	Rights *Rights `json:"rights"`
}) (any, error) {
	g, err := s.groupOf(in.Group)
	if err != nil {
		return nil, err
	}
	if in.Rights != nil {
		return map[string]int64{"id": g.NewAdmin(in.Name, *in.Rights).ID()}, nil
	}
	return map[string]int64{"id": g.NewOperator(in.Name).ID()}, nil
}

// controlCopies lists the copies of a customer's message in a group.
func (s *Server) controlCopies(r *http.Request, _ none) (any, error) {
	g, err := s.groupOf(pathID(r))
	if err != nil {
		return nil, err
	}
	c, err := s.customerOf(queryID(r, "customer"), queryID(r, "bot"))
	if err != nil {
		return nil, err
	}
	return orEmpty(g.Copies(c, queryID(r, "message_id"))), nil
}

// act is what a person does.
type act struct {
	contentInput
	Bot       int64  `json:"bot"`        // a customer's; 0 is the first
	Group     int64  `json:"group"`      // an operator's; 0 is the one they are in
	Topic     int64  `json:"topic"`      // where to write, or what to change
	MessageID int64  `json:"message_id"` // what to edit, delete, press or react to
	ReplyTo   int64  `json:"reply_to"`
	Emoji     string `json:"emoji"`
	Data      string `json:"data"`  // of the button pressed
	Param     string `json:"param"` // of /start
	Anonymous bool   `json:"anonymous"`
	On        bool   `json:"on"` // of copy_refused
}

func (s *Server) customerOf(id, bot int64) (*Customer, error) {
	b, err := s.botOf(bot)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.users[id]; u != nil && !u.bot {
		return &Customer{s, u, b}, nil
	}
	return nil, fmt.Errorf("customer %d: %w", id, errNotFound)
}

func (s *Server) routeCustomers(mux *http.ServeMux) {
	route(mux, "GET /control/customers/{id}/messages", func(r *http.Request, _ none) (any, error) {
		c, err := s.customerOf(pathID(r), queryID(r, "bot"))
		if err != nil {
			return nil, err
		}
		return orEmpty(c.Messages()), nil
	})
	route(mux, "GET /control/customers/{id}/copies", func(r *http.Request, _ none) (any, error) {
		c, err := s.customerOf(pathID(r), queryID(r, "bot"))
		if err != nil {
			return nil, err
		}
		g, err := s.groupOf(queryID(r, "group"))
		if err != nil {
			return nil, err
		}
		return orEmpty(c.Copies(g, queryID(r, "message_id"))), nil
	})
	route(mux, "POST /control/customers/{id}/{action}", func(r *http.Request, in act) (any, error) {
		c, err := s.customerOf(pathID(r), in.Bot)
		if err != nil {
			return nil, err
		}
		return c.act(r.PathValue("action"), in)
	})
}

func (c *Customer) act(action string, in act) (any, error) {
	switch action {
	case "start":
		return c.Start(in.Param), nil
	case "send":
		if content := in.content(); content.Kind == KindAlbum {
			return orEmpty(c.SendAlbum(content.items...)), nil
		}
		return c.Reply(in.ReplyTo, in.content()), nil
	case "edit":
		c.Edit(in.MessageID, in.content())
	case "delete":
		c.Delete(in.MessageID)
	case "react":
		c.React(in.MessageID, in.Emoji)
	case "press":
		return map[string]string{"query": c.Press(in.MessageID, in.Data)}, nil
	case "block":
		c.Block()
	case "unblock":
		c.Unblock()
	case "copy_refused":
		c.SetCopyRefused(in.On)
	case "unstart":
		c.Unstart()
	case "deactivate":
		c.Deactivate()
	case "rename":
		c.SetName(in.Name)
	case "username":
		c.SetUsername(strings.TrimPrefix(in.Name, "@"))
	default:
		return nil, fmt.Errorf("action %q: %w", action, errNotFound)
	}
	return nil, nil
}

func (s *Server) operatorOf(id, group int64) (*Operator, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.chats {
		if m := c.members[id]; m != nil && (group == c.id || group == 0 && c.migratedTo == nil) {
			return &Operator{s: s, c: c, u: m.u}, nil
		}
	}
	return nil, fmt.Errorf("operator %d: %w", id, errNotFound)
}

func (s *Server) routeOperators(mux *http.ServeMux) {
	route(mux, "POST /control/operators/{id}/{action}", func(r *http.Request, in act) (any, error) {
		o, err := s.operatorOf(pathID(r), in.Group)
		if err != nil {
			return nil, err
		}
		if in.Anonymous {
			o = o.Anonymous()
		}
		return o.act(r.PathValue("action"), in)
	})
}

func (o *Operator) act(action string, in act) (any, error) {
	switch action {
	case "send":
		return o.write(in)
	case "edit":
		o.Edit(in.MessageID, in.content())
	case "delete":
		o.Delete(in.MessageID)
	case "react":
		o.React(in.MessageID, in.Emoji)
	case "press":
		return map[string]string{"query": o.Press(in.MessageID, in.Data)}, nil
	case "leave":
		o.Leave()
	case "create_topic":
		return o.CreateTopic(in.Name), nil
	case "close_topic":
		o.CloseTopic(in.Topic)
	case "reopen_topic":
		o.ReopenTopic(in.Topic)
	case "rename_topic":
		o.RenameTopic(in.Topic, in.Name)
	case "icon_topic":
		o.SetTopicIcon(in.Topic, in.Emoji)
	case "delete_topic":
		o.DeleteTopic(in.Topic)
	default:
		return nil, fmt.Errorf("action %q: %w", action, errNotFound)
	}
	return nil, nil
}

func (o *Operator) write(in act) (any, error) {
	content := in.content()
	switch {
	case in.ReplyTo != 0:
		return o.Reply(in.ReplyTo, content), nil
	case content.Kind == KindAlbum:
		return orEmpty(o.SendAlbum(in.Topic, content.items...)), nil
	}
	return o.TrySendIn(in.Topic, content)
}
