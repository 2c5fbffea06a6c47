package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/pkg/tg"
)

// telegram is a Bot API in memory that remembers every message it was made to send.
type telegram struct {
	mu     sync.Mutex
	next   int64
	topics map[int64]*fakeTopic
	sent   []message
	acts   []act // on messages that are there
	calls  []string
	// fault decides about a call before it is carried out; after is asked when it was.
	fault func(method string, p params) error
	after func(method string, p params) error
	seen  func(thread int64) // told of each topic made
	busy  int
	most  int
}

type fakeTopic struct {
	name   string
	closed bool
	gone   bool
}

type message struct {
	id, chat, thread, from, source int64
	text                           string
	reply                          int64
	album                          int // size of the copyMessages it came with
}

// act is a call that changes a message.
type act struct {
	method        string
	chat, message int64
	what          string // text, or reaction
}

type params struct {
	Chat     int64   `json:"chat_id"`
	Thread   int64   `json:"message_thread_id"`
	From     int64   `json:"from_chat_id"`
	Message  int64   `json:"message_id"`
	Messages []int64 `json:"message_ids"`
	Text     string  `json:"text"`
	Mode     string  `json:"parse_mode"`
	Caption  string  `json:"caption"`
	Media    struct {
		Type    string `json:"type"`
		File    string `json:"media"`
		Caption string `json:"caption"`
	} `json:"media"`
	Reaction []struct {
		Emoji string `json:"emoji"`
	} `json:"reaction"`
	Name  string `json:"name"`
	Reply *struct {
		Message int64 `json:"message_id"`
		Lenient bool  `json:"allow_sending_without_reply"`
	} `json:"reply_parameters"`
}

func newTelegram() *telegram { return &telegram{next: 1000, topics: map[int64]*fakeTopic{}} }

func bad(text string) error {
	return &tg.Error{Method: "x", Code: 400, Description: "Bad Request: " + text}
}

func refusal(code int, chat int64, text string) error {
	return &tg.Error{Method: "x", Code: code, Description: text, Chat: chat}
}

func limited(seconds int) error {
	return &tg.Error{Method: "x", Code: 429, Description: "Too Many Requests", RetryAfter: time.Duration(seconds) * time.Second}
}

var errLost = &tg.TransportError{Method: "x", Sent: true, Err: errors.New("connection reset")}

func (f *telegram) Travel() time.Duration { return 0 }

func (f *telegram) Call(ctx context.Context, method string, in, result any) error {
	var p params
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(data, &p); err != nil {
			return err
		}
	}
	f.mu.Lock()
	f.calls = append(f.calls, method)
	f.busy++
	f.most = max(f.most, f.busy)
	fault, after := f.fault, f.after
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.busy--
		f.mu.Unlock()
	}()
	if fault != nil {
		if err := fault(method, p); err != nil {
			return err
		}
	}
	answer, err := f.carryOut(method, p)
	if err != nil {
		return err
	}
	if after != nil {
		if err := after(method, p); err != nil {
			return err
		}
	}
	if result != nil {
		data, _ := json.Marshal(answer)
		return json.Unmarshal(data, result)
	}
	return nil
}

func (f *telegram) carryOut(method string, p params) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p.Thread != 0 && p.Chat == testGroup {
		t := f.topics[p.Thread]
		if t == nil || t.gone {
			return nil, bad("message thread not found")
		}
	}
	switch method {
	case "getMe", "getChat":
		return map[string]any{"id": 1}, nil
	case "createForumTopic":
		f.next++
		f.topics[f.next] = &fakeTopic{name: p.Name}
		if f.seen != nil {
			f.seen(f.next)
		}
		return map[string]any{"message_thread_id": f.next}, nil
	case "editForumTopic":
		f.topics[p.Thread].name = p.Name
		return true, nil
	case "closeForumTopic":
		f.topics[p.Thread].closed = true
		return true, nil
	case "reopenForumTopic":
		f.topics[p.Thread].closed = false
		return true, nil
	case "copyMessages":
		if !slices.IsSorted(p.Messages) {
			return nil, bad("message identifiers must be in a strictly increasing order")
		}
		var ids []map[string]any
		for _, source := range p.Messages {
			ids = append(ids, map[string]any{"message_id": f.send(p, source, len(p.Messages))})
		}
		return ids, nil
	case "copyMessage", "sendMessage", "sendLocation":
		return map[string]any{"message_id": f.send(p, p.Message, 0), "message_thread_id": p.Thread}, nil
	case "editMessageText", "editMessageCaption", "editMessageMedia", "editMessageLiveLocation", "deleteMessage", "setMessageReaction":
		return f.act(method, p), nil
	}
	return nil, fmt.Errorf("no such method %s", method)
}

func (f *telegram) act(method string, p params) bool {
	a := act{method, p.Chat, p.Message, p.Text + p.Caption + p.Media.File + p.Media.Caption}
	for _, r := range p.Reaction {
		a.what = r.Emoji
	}
	f.acts = append(f.acts, a)
	return true
}

// acted are the changes of messages so far, of one method.
func (f *telegram) acted(method string) []act {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []act
	for _, a := range f.acts {
		if a.method == method {
			found = append(found, a)
		}
	}
	return found
}

func (f *telegram) send(p params, source int64, album int) int64 {
	f.next++
	m := message{id: f.next, chat: p.Chat, thread: p.Thread, from: p.From, source: source, text: p.Text, album: album}
	if p.Reply != nil {
		m.reply = p.Reply.Message
	}
	f.sent = append(f.sent, m)
	return f.next
}

// copies are the originals that were copied into a chat and thread (0: any), in order.
func (f *telegram) copies(chat, from int64) []int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []int64
	for _, m := range f.sent {
		if m.chat == chat && m.from == from && m.source != 0 {
			out = append(out, m.source)
		}
	}
	return out
}

func (f *telegram) messages() []message {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.sent)
}

func (f *telegram) count(method string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, m := range f.calls {
		if m == method {
			n++
		}
	}
	return n
}

func (f *telegram) setFault(fault, after func(string, params) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault, f.after = fault, after
}

func sequence(t *testing.T, got []int64, n int) {
	t.Helper()
	if len(got) != n {
		t.Fatalf("%d messages, want %d: %v", len(got), n, got)
	}
	for i, m := range got {
		if m != int64(i+1) {
			t.Fatalf("message %d is in place %d: %v", m, i, got)
		}
	}
}
