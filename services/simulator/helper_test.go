package simulator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hotline-desk/hotline/services/simulator"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// reply is the envelope of an answer.
type reply struct {
	Status      int
	OK          bool            `json:"ok"`
	Result      json.RawMessage `json:"result"`
	Code        int             `json:"error_code"`
	Description string          `json:"description"`
	Parameters  struct {
		RetryAfter int   `json:"retry_after"`
		Migrate    int64 `json:"migrate_to_chat_id"`
	} `json:"parameters"`
	Header http.Header
}

func (r reply) id(t *testing.T) int64 {
	t.Helper()
	var v struct {
		ID int64 `json:"message_id"`
	}
	if !r.OK || json.Unmarshal(r.Result, &v) != nil {
		t.Fatalf("no message id: %d %s %s", r.Code, r.Description, r.Result)
	}
	return v.ID
}

type obj = map[string]any

// client talks JSON to one bot's API.
type client struct {
	root string
	http *http.Client
}

func newClient(t *testing.T, s *simulator.Server, b *simulator.Bot) *client {
	t.Helper()
	tr := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(tr.CloseIdleConnections)
	return &client{root: s.URL() + "/bot" + b.Token() + "/", http: &http.Client{Transport: tr}}
}

func (c *client) try(ctx context.Context, method string, args any) (reply, error) {
	body, err := json.Marshal(args)
	if err != nil {
		return reply{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.root+method, bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	var r reply
	r.Status, r.Header = resp.StatusCode, resp.Header
	if err := json.NewDecoder(resp.Body).Decode(&r); err != nil {
		return r, fmt.Errorf("status %d: %w", resp.StatusCode, err)
	}
	return r, nil
}

func (c *client) call(t *testing.T, method string, args any) reply {
	t.Helper()
	r, err := c.try(t.Context(), method, args)
	if err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	return r
}

func (c *client) must(t *testing.T, method string, args any) reply {
	t.Helper()
	r := c.call(t, method, args)
	if !r.OK {
		t.Fatalf("%s: %d %s", method, r.Code, r.Description)
	}
	return r
}

func (c *client) refuse(t *testing.T, method string, args any, code int, text string) reply {
	t.Helper()
	r := c.call(t, method, args)
	if r.OK || r.Code != code || r.Status != code || r.Description != text {
		t.Fatalf("%s: got %d/%d %q, want %d %q", method, r.Status, r.Code, r.Description, code, text)
	}
	return r
}

type tgUser struct {
	ID        int64  `json:"id"`
	FirstName string `json:"first_name"`
	IsBot     bool   `json:"is_bot"`
}

type tgMessage struct {
	ID     int64   `json:"message_id"`
	Thread int64   `json:"message_thread_id"`
	From   *tgUser `json:"from"`
	Chat   struct {
		ID   int64  `json:"id"`
		Type string `json:"type"`
	} `json:"chat"`
	Text    string          `json:"text"`
	Caption string          `json:"caption"`
	Group   string          `json:"media_group_id"`
	Reply   *tgMessage      `json:"reply_to_message"`
	Created json.RawMessage `json:"forum_topic_created"`
	Closed  json.RawMessage `json:"forum_topic_closed"`
	Edited  json.RawMessage `json:"forum_topic_edited"`
}

func (m *tgMessage) service() bool { return m.Created != nil || m.Closed != nil || m.Edited != nil }

type tgUpdate struct {
	ID       int64           `json:"update_id"`
	Message  *tgMessage      `json:"message"`
	Edited   *tgMessage      `json:"edited_message"`
	Callback json.RawMessage `json:"callback_query"`
	Mine     json.RawMessage `json:"my_chat_member"`
	Reaction json.RawMessage `json:"message_reaction"`
}

func (c *client) updates(t *testing.T, args obj) []tgUpdate {
	t.Helper()
	var ups []tgUpdate
	if err := json.Unmarshal(c.must(t, "getUpdates", args).Result, &ups); err != nil {
		t.Fatal(err)
	}
	return ups
}

// desk is the smallest support desk: it relays both ways, and misbehaves on
// request.
type desk struct {
	c     *client
	group int64

	topics map[int64]int64 // customer → topic
	people map[int64]int64 // topic → customer
	bend   func(m *tgMessage, method string, args obj) []obj
}

func newDesk(c *client, g *simulator.Group) *desk {
	return &desk{c: c, group: g.ID(), topics: map[int64]int64{}, people: map[int64]int64{}}
}

// run polls until ctx ends.
func (d *desk) run(ctx context.Context) error {
	var offset int64
	for ctx.Err() == nil {
		r, err := d.c.try(ctx, "getUpdates", obj{"offset": offset, "timeout": 20})
		if err != nil || !r.OK {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("getUpdates: %v %s", err, r.Description)
		}
		var ups []tgUpdate
		if err := json.Unmarshal(r.Result, &ups); err != nil {
			return err
		}
		for _, u := range ups {
			offset = u.ID + 1
			if err := d.handle(ctx, u); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
	return nil
}

func (d *desk) handle(ctx context.Context, u tgUpdate) error {
	m := u.Message
	switch {
	case m == nil || m.service():
		return nil
	case m.Chat.Type == "private":
		return d.fromCustomer(ctx, m)
	case m.Thread != 0 && !strings.HasPrefix(m.Text, "/"):
		return d.fromOperator(ctx, m)
	}
	return nil
}

func (d *desk) fromCustomer(ctx context.Context, m *tgMessage) error {
	topic := d.topics[m.Chat.ID]
	if topic == 0 {
		r, err := d.c.try(ctx, "createForumTopic", obj{"chat_id": d.group, "name": "🟪 " + m.From.FirstName})
		if err != nil || !r.OK {
			return fmt.Errorf("createForumTopic: %v %s", err, r.Description)
		}
		var v struct {
			ID int64 `json:"message_thread_id"`
		}
		if err := json.Unmarshal(r.Result, &v); err != nil {
			return err
		}
		topic = v.ID
		d.topics[m.Chat.ID], d.people[topic] = topic, m.Chat.ID
	}
	return d.copy(ctx, m, obj{"chat_id": d.group, "message_thread_id": topic, "from_chat_id": m.Chat.ID, "message_id": m.ID})
}

func (d *desk) fromOperator(ctx context.Context, m *tgMessage) error {
	to := d.people[m.Thread]
	if to == 0 {
		return nil
	}
	return d.copy(ctx, m, obj{"chat_id": to, "from_chat_id": m.Chat.ID, "message_id": m.ID})
}

func (d *desk) copy(ctx context.Context, m *tgMessage, args obj) error {
	list := []obj{args}
	if d.bend != nil {
		list = d.bend(m, "copyMessage", args)
	}
	for _, a := range list {
		r, err := d.c.try(ctx, "copyMessage", a)
		if err != nil {
			return err
		}
		if r.OK || a["message_thread_id"] == nil {
			continue
		}
		if _, err := d.c.try(ctx, "sendMessage", obj{"chat_id": d.group, "message_thread_id": a["message_thread_id"], "text": "⚠ cannot be shown: " + r.Description}); err != nil {
			return err
		}
	}
	return nil
}

// world is a simulator with one bot, one group, and the small desk at work.
type world struct {
	s     *simulator.Server
	bot   *simulator.Bot
	group *simulator.Group
	op    *simulator.Operator
	desk  *desk
	api   *client
}

func newWorld(t *testing.T, cfg simulator.Config) *world {
	t.Helper()
	w := &world{s: simulator.ForTest(t, cfg)}
	w.bot = w.s.NewBot("desk")
	w.group = w.s.NewGroup(simulator.GroupOptions{Bots: []*simulator.Bot{w.bot}})
	w.op = w.group.NewOperator("Olga")
	w.api = newClient(t, w.s, w.bot)
	w.desk = newDesk(w.api, w.group)
	return w
}

// start runs the desk until the test ends.
func (w *world) start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.desk.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("desk: %v", err)
		}
	})
}
