package simulator_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hotline-desk/hotline/services/simulator"
)

// remote drives a simulator by its control API alone.
type remote struct {
	t   *testing.T
	url string
	c   *http.Client
}

func (r remote) do(method, path string, in, out any) {
	r.t.Helper()
	if status, text := r.try(method, path, in, out); status != 200 {
		r.t.Fatalf("%s %s: %d %s", method, path, status, text)
	}
}

func (r remote) try(method, path string, in, out any) (int, string) {
	r.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		r.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+"/control/"+path, bytes.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	resp, err := r.c.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	var buf bytes.Buffer
	if _, err := buf.ReadFrom(resp.Body); err != nil {
		r.t.Fatal(err)
	}
	if out != nil {
		if err := json.Unmarshal(buf.Bytes(), out); err != nil {
			r.t.Fatalf("%s: %v: %s", path, err, buf.String())
		}
	}
	return resp.StatusCode, strings.TrimSpace(buf.String())
}

type made struct {
	ID    int64
	Owner int64
	Token string
}

func TestControlPlaysAWholeScene(t *testing.T) {
	s := simulator.ForTest(t, simulator.Config{})
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	r := remote{t, s.URL(), &http.Client{Transport: tr}}
	var bot, group, op, anna made
	r.do("POST", "bots", obj{"name": "desk"}, &bot)
	r.do("POST", "groups", obj{"title": "Team", "bots": []int64{bot.ID}}, &group)
	r.do("POST", "operators", obj{"group": group.ID, "name": "Olga"}, &op)
	r.do("POST", "customers", obj{"name": "Anna"}, &anna)

	api := &client{root: s.URL() + "/bot" + bot.Token + "/", http: r.c}
	w := &world{s: s, api: api}
	w.desk = &desk{c: api, group: group.ID, topics: map[int64]int64{}, people: map[int64]int64{}}
	w.start(t)

	var msg simulator.Message
	r.do("POST", fmt.Sprintf("customers/%d/send", anna.ID), obj{"kind": "photo", "text": "look"}, &msg)
	r.do("POST", fmt.Sprintf("customers/%d/send", anna.ID), obj{"kind": "quiz", "name": "?", "options": []string{"a", "b"}}, nil)
	var verdict struct{ Violations []simulator.Violation }
	r.do("POST", "check", obj{"settle": 10}, &verdict)
	if msg.ID == 0 || len(verdict.Violations) > 0 {
		t.Fatalf("%+v %v", msg, verdict)
	}
	var topics []simulator.Topic
	r.do("GET", fmt.Sprintf("groups/%d/topics", group.ID), nil, &topics)
	if len(topics) != 1 || topics[0].Name != "🟪 Anna" {
		t.Fatalf("%+v", topics)
	}
	r.do("POST", fmt.Sprintf("operators/%d/send", op.ID), obj{"topic": topics[0].ID, "text": "nice"}, &msg)
	r.do("POST", "check", obj{"settle": 10}, &verdict)
	var inbox, inTopic []simulator.Message
	r.do("GET", fmt.Sprintf("customers/%d/messages", anna.ID), nil, &inbox)
	r.do("GET", fmt.Sprintf("groups/%d/messages?topic=%d", group.ID, topics[0].ID), nil, &inTopic)
	if len(verdict.Violations) > 0 || inbox[len(inbox)-1].Text != "nice" || len(inTopic) != 4 {
		t.Fatalf("%v\n%+v\n%+v", verdict, inbox, inTopic)
	}
	r.do("POST", fmt.Sprintf("customers/%d/edit", anna.ID), obj{"message_id": inbox[0].ID, "kind": "photo", "text": "look again"}, nil)
	var copies []simulator.Message
	r.do("GET", fmt.Sprintf("groups/%d/copies?customer=%d&message_id=%d", group.ID, anna.ID, inbox[0].ID), nil, &copies)
	if len(copies) != 1 || copies[0].Text != "look" {
		t.Fatalf("%+v", copies)
	}
	r.do("GET", fmt.Sprintf("customers/%d/copies?group=%d&message_id=%d", anna.ID, group.ID, msg.ID), nil, &copies)
	if len(copies) != 1 || copies[0].Text != "nice" {
		t.Fatalf("%+v", copies)
	}
	r.do("POST", fmt.Sprintf("customers/%d/react", anna.ID), obj{"message_id": copies[0].ID, "emoji": "👍"}, nil)
	r.do("GET", fmt.Sprintf("customers/%d/messages", anna.ID), nil, &inbox)
	if re := inbox[len(inbox)-1].Reactions; len(re) != 1 || re[0].Emoji != "👍" {
		t.Fatalf("%+v", re)
	}
	for _, path := range []string{fmt.Sprintf("customers/%d/copy_refused", anna.ID), fmt.Sprintf("groups/%d/copy_refused", group.ID)} {
		r.do("POST", path, obj{"on": true}, nil)
		r.do("POST", path, obj{"on": false}, nil)
	}
	r.do("POST", fmt.Sprintf("operators/%d/icon_topic", op.ID), obj{"topic": topics[0].ID, "emoji": "55"}, nil)
	r.do("POST", fmt.Sprintf("operators/%d/close_topic", op.ID), obj{"topic": topics[0].ID}, nil)
	if code, text := r.try("POST", fmt.Sprintf("operators/%d/send", op.ID), obj{"topic": topics[0].ID, "text": "x"}, nil); code != 400 || text != `{"error":"the topic is closed"}` {
		t.Fatal(code, text)
	}
	r.do("POST", fmt.Sprintf("customers/%d/block", anna.ID), nil, nil)
	var calls []simulator.Call
	r.do("GET", "calls?method=copyMessage", nil, &calls)
	if len(calls) != 3 || calls[0].Params["from_chat_id"] != fmt.Sprint(anna.ID) || calls[1].Code != 400 {
		t.Fatalf("%+v", calls)
	}
	r.do("POST", "load", obj{"messages": 50, "customers": 5, "rate": 1000}, nil)
	var res simulator.LoadResult
	r.do("GET", "load?wait=20", nil, &res)
	if !res.Done || res.Copied != 50 {
		t.Fatalf("%+v", res)
	}
}

func TestControlFaultsLimitsAndInjection(t *testing.T) {
	w := newWorld(t, simulator.Config{})
	r := remote{t, w.s.URL(), w.api.http}
	var id struct{ ID int }
	r.do("POST", "faults", obj{"kind": "429", "method": "getMe", "times": 1, "retry_after": 3}, &id)
	w.api.refuse(t, "getMe", nil, 429, tooMany(3))
	w.api.must(t, "getMe", nil)
	var hits struct{ Hits int }
	r.do("GET", "faults", nil, &hits)
	if id.ID == 0 || hits.Hits != 1 {
		t.Fatal(id, hits)
	}
	r.do("DELETE", "faults", nil, nil)
	r.do("POST", "limits", obj{"group_per_minute": 1}, nil)
	w.api.must(t, "sendMessage", obj{"chat_id": w.group.ID(), "text": "x"})
	if got := w.api.call(t, "sendMessage", obj{"chat_id": w.group.ID(), "text": "x"}); got.Code != 429 {
		t.Fatalf("%+v", got)
	}
	var stats simulator.LimitStats
	r.do("GET", "limits", nil, &stats)
	if stats.Hits != 1 {
		t.Fatalf("%+v", stats)
	}
	r.do("POST", "inject", obj{"fields": `"odd":1`}, nil)
	r.do("POST", "inject", obj{"poison": true}, nil)
	if w.bot.Pending() < 10 {
		t.Fatal(w.bot.Pending())
	}
	g := fmt.Sprintf("groups/%d/", w.group.ID())
	r.do("POST", g+"kick", obj{"bot": w.bot.ID()}, nil)
	r.do("POST", g+"add", obj{"bot": w.bot.ID(), "rights": obj{"can_manage_topics": true}}, nil)
	for path, want := range map[string]string{
		"groups/5/kick": "group 5: not found", g + "fly": `action "fly": not found`, "customers/5/send": "customer 5: not found",
		"operators/5/send": "operator 5: not found",
	} {
		if code, text := r.try("POST", path, nil, nil); code != 404 || !strings.Contains(text, strings.ReplaceAll(want, `"`, `\"`)) {
			t.Errorf("%s: %d %s", path, code, text)
		}
	}
	if code, _ := r.try("POST", "load", obj{"messages": 0}, nil); code != 400 {
		t.Error(code)
	}
	r.do("POST", "reset", nil, nil)
	w.api.refuse(t, "getMe", nil, 401, "Unauthorized")
}

func TestControlIsForThisMachineOnly(t *testing.T) {
	s := simulator.New(simulator.Config{})
	rec := httptest.NewRecorder()
	req := httptest.NewRequest("POST", "http://127.0.0.1/control/reset", nil)
	req.RemoteAddr = "192.0.2.7:1234"
	s.ServeHTTP(rec, req)
	if rec.Code != http.StatusForbidden {
		t.Fatal(rec.Code)
	}
}
