package relay

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

func ref(chat, message int64) *eventv1.MessageRef {
	return &eventv1.MessageRef{Chat: chat, Message: message}
}

func replyOf(lane eventv1.Lane, chat, message, to int64) *eventv1.Event {
	event := copyOf(lane, chat, message, "")
	event.GetDeliveryRequested().GetCopy().ReplyTo = ref(chat, to)
	return event
}

func editOf(lane eventv1.Lane, chat, message int64) *eventv1.Event {
	return deliver(lane, &eventv1.DeliveryRequested{Content: &eventv1.DeliveryRequested_Edit{
		Edit: &eventv1.Edit{Source: ref(chat, message), Kind: eventv1.Kind_KIND_TEXT}}})
}

func versionOf(chat, message int64) *eventv1.Event {
	event := replyOf(desk, chat, message, message)
	event.GetDeliveryRequested().GetCopy().Version = true
	return event
}

func deleteOf(message, command int64) *eventv1.Event {
	return deliver(customer, &eventv1.DeliveryRequested{Content: &eventv1.DeliveryRequested_Delete{
		Delete: &eventv1.Delete{Source: ref(testGroup, message), Command: ref(testGroup, command)}}})
}

func noticeOf(n *eventv1.Notice) *eventv1.Event {
	return deliver(desk, &eventv1.DeliveryRequested{Content: &eventv1.DeliveryRequested_Notice{Notice: n}})
}

func reactionOf(actor eventv1.Actor_Type, chat, message int64, number uint32) *eventv1.Event {
	return &eventv1.Event{Body: &eventv1.Event_ReactionChanged{ReactionChanged: &eventv1.ReactionChanged{
		Message: ref(chat, message), Reaction: number, Actor: &eventv1.Actor{Type: actor}}}}
}

// said is what ingress would know.
type said struct {
	mu    sync.Mutex
	texts map[int64]string // by message
}

func (s *said) put(message int64, json string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.texts[message] = json
}

func (s *said) Content(_ context.Context, _ string, message *eventv1.MessageRef) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if text, ok := s.texts[message.GetMessage()]; ok {
		return []byte(text), nil
	}
	return nil, errors.New("gone")
}

// mirror starts a relay with contents.
func mirror(t *testing.T) (*memory, *telegram, *said, func()) {
	t.Helper()
	m, api, contents := newMemory(), newTelegram(), &said{texts: map[int64]string{}}
	_, stop := start(t, m, api, func(_ *Config, d *Deps) { d.Contents = contents })
	return m, api, contents, stop
}

// copied waits for a copy and returns it.
func copied(t *testing.T, api *telegram, chat, source int64, nth int) message {
	t.Helper()
	var found message
	eventually(t, "the copy", func() bool {
		n := 0
		for _, sent := range api.messages() {
			if sent.chat == chat && sent.source == source {
				if n++; n == nth {
					found = sent
					return true
				}
			}
		}
		return false
	})
	return found
}

func TestRepliesAreThreadedBothWays(t *testing.T) {
	m, api, _, _ := mirror(t)
	m.commit("dialog", "7", copyOf(desk, 7, 1, ""))
	question := copied(t, api, testGroup, 1, 1)
	m.commit("dialog", "7", replyOf(customer, testGroup, 500, question.id))
	if answer := copied(t, api, 7, 500, 1); answer.reply != 1 {
		t.Errorf("the answer answers %d, want the customer's own message", answer.reply)
	} else {
		m.commit("dialog", "7", replyOf(desk, 7, 2, answer.id))
	}
	if back := copied(t, api, testGroup, 2, 1); back.reply != 500 {
		t.Errorf("the reply answers %d, want the operator's message", back.reply)
	}
	m.commit("dialog", "7", replyOf(desk, 7, 3, 1))
	if own := copied(t, api, testGroup, 3, 1); own.reply != question.id {
		t.Errorf("the reply answers %d, want the copy of the customer's own message", own.reply)
	}
	m.commit("dialog", "7", replyOf(desk, 7, 4, 99))
	if lone := copied(t, api, testGroup, 4, 1); lone.reply != lone.thread {
		t.Errorf("the reply to something unknown answers %d, want the topic's root", lone.reply)
	}
}

func TestReplyToADeletedMessageGoesOutWithoutIt(t *testing.T) {
	m, api, _, _ := mirror(t)
	m.commit("dialog", "7", copyOf(desk, 7, 1, ""))
	question := copied(t, api, testGroup, 1, 1)
	api.setFault(func(method string, p params) error {
		if method == "copyMessage" && p.Reply != nil && p.Reply.Message == question.id {
			return bad("message to be replied not found")
		}
		return nil
	}, nil)
	m.commit("dialog", "7", replyOf(desk, 7, 2, 1))
	if late := copied(t, api, testGroup, 2, 1); late.thread != question.thread || late.reply != late.thread {
		t.Errorf("%+v, want it unthreaded in the topic %d", late, question.thread)
	}
	if n := api.count("createForumTopic"); n != 1 {
		t.Errorf("%d topics: a deleted message was taken for a deleted topic", n)
	}
}

func TestEditsChangeTheCopy(t *testing.T) {
	m, api, contents, _ := mirror(t)
	m.commit("dialog", "7", copyOf(customer, testGroup, 500, ""))
	out := copied(t, api, 7, 500, 1)
	for method, json := range map[string]string{
		"editMessageText":         `{"text":"better"}`,
		"editMessageMedia":        `{"photo":[{"file_id":"small"},{"file_id":"big"}],"caption":"c"}`,
		"editMessageCaption":      `{"voice":{"file_id":"v"},"caption":"said"}`,
		"editMessageLiveLocation": `{"location":{"latitude":1.5,"longitude":2,"live_period":600}}`,
	} {
		contents.put(500, json)
		m.commit("dialog", "7", editOf(customer, testGroup, 500))
		eventually(t, method, func() bool { return len(api.acted(method)) == 1 })
		if got := api.acted(method)[0]; got.chat != 7 || got.message != out.id {
			t.Errorf("%s of %d in %d, want the copy", method, got.message, got.chat)
		}
	}
	if got := api.acted("editMessageMedia")[0].what; got != "bigc" {
		t.Errorf("the file and caption are %q", got)
	}
}

func TestEditWhoseContentIsGoneBecomesAnotherCopy(t *testing.T) {
	m, api, contents, _ := mirror(t)
	m.commit("dialog", "7", copyOf(customer, testGroup, 500, ""))
	first := copied(t, api, 7, 500, 1)
	m.commit("dialog", "7", editOf(customer, testGroup, 500))
	second := copied(t, api, 7, 500, 2)
	if second.reply != first.id {
		t.Errorf("the new copy answers %d, want the former one", second.reply)
	}
	contents.put(500, `{"text":"third"}`)
	m.commit("dialog", "7", editOf(customer, testGroup, 500))
	eventually(t, "the newest copy is edited", func() bool {
		acts := api.acted("editMessageText")
		return len(acts) == 1 && acts[0].message == second.id
	})
}

func TestEditOfACommentGoesNowhere(t *testing.T) {
	m, api, contents, _ := mirror(t)
	contents.put(500, `{"text":"internal"}`)
	m.commit("dialog", "7", editOf(customer, testGroup, 500))
	m.commit("dialog", "7", noticeOf(&eventv1.Notice{Code: eventv1.Notice_CODE_EDIT_HELD, ReplyTo: ref(testGroup, 500)}))
	m.commit("dialog", "7", copyOf(customer, testGroup, 501, ""))
	m.commit("dialog", "7", copyOf(desk, 7, 1, ""))
	copied(t, api, 7, 501, 1)
	copied(t, api, testGroup, 1, 1)
	if sent, acts := api.messages(), api.acted("editMessageText"); len(sent) != 2 || len(acts) != 0 {
		t.Errorf("%d messages and %d edits, want the two copies only: %+v", len(sent), len(acts), sent)
	}
}

func TestEditsOfWhatWaitsAreAbsorbed(t *testing.T) {
	m, api, _, _ := mirror(t)
	open := make(chan struct{})
	api.setFault(func(method string, _ params) error {
		if method == "createForumTopic" {
			<-open
		}
		return nil
	}, nil)
	m.commit("dialog", "7", copyOf(desk, 7, 1, ""))
	m.commit("dialog", "7", versionOf(7, 1))
	m.commit("dialog", "7", copyOf(desk, 7, 2, ""))
	close(open)
	copied(t, api, testGroup, 2, 1)
	if got := api.copies(testGroup, 7); len(got) != 2 {
		t.Errorf("copies of %v: the edit was not absorbed", got)
	}
	m.commit("dialog", "7", versionOf(7, 1))
	if version := copied(t, api, testGroup, 1, 2); version.reply != copied(t, api, testGroup, 1, 1).id {
		t.Errorf("the version answers %d", version.reply)
	}
}

func TestDeletionIsCarriedOutAndShown(t *testing.T) {
	m, api, _, _ := mirror(t)
	m.commit("dialog", "7", copyOf(customer, testGroup, 500, ""))
	out := copied(t, api, 7, 500, 1)
	m.commit("dialog", "7", deleteOf(500, 600))
	eventually(t, "the command is marked", func() bool { return len(api.acted("setMessageReaction")) == 1 })
	if got := api.acted("deleteMessage"); len(got) != 1 || got[0].chat != 7 || got[0].message != out.id {
		t.Errorf("deleted %+v", got)
	}
	if got := api.acted("setMessageReaction")[0]; got.message != 600 || got.what != approval {
		t.Errorf("marked %+v", got)
	}
	m.commit("dialog", "7", deleteOf(777, 601))
	eventually(t, "a report", func() bool { return len(m.reports()) == 1 })
	if got := m.reports()[0]; got.GetClass() != eventv1.FailureClass_FAILURE_CLASS_NO_COPY || got.GetEffect() != eventv1.Effect_EFFECT_DELETE {
		t.Errorf("reported %v", got)
	}
}

func TestFailureIsMarkedOnTheMessage(t *testing.T) {
	m, api, _, _ := mirror(t)
	m.commit("dialog", "7", noticeOf(&eventv1.Notice{Code: eventv1.Notice_CODE_NOT_DELIVERED, Lane: customer,
		Failure: eventv1.FailureClass_FAILURE_CLASS_CUSTOMER_GONE, ReplyTo: ref(testGroup, 500)}))
	eventually(t, "the mark", func() bool {
		acts := api.acted("setMessageReaction")
		return len(acts) == 1 && acts[0].message == 500 && acts[0].what == markFails
	})
}

func TestReactionsAreShownOnTheOtherSide(t *testing.T) {
	m, api, _, _ := mirror(t)
	m.commit("dialog", "7", copyOf(desk, 7, 1, ""))
	m.commit("dialog", "7", copyOf(customer, testGroup, 500, ""))
	question, answer := copied(t, api, testGroup, 1, 1), copied(t, api, 7, 500, 1)
	m.commit("dialog", "7", reactionOf(eventv1.Actor_TYPE_CUSTOMER, 7, answer.id, 1))
	m.commit("group", "-1001", reactionOf(eventv1.Actor_TYPE_OPERATOR, testGroup, question.id, 2))
	m.commit("group", "-1001", reactionOf(eventv1.Actor_TYPE_OPERATOR, testGroup, 500, 3)) // to a colleague
	want := map[act]bool{{"setMessageReaction", testGroup, 500, "👍"}: true, {"setMessageReaction", 7, 1, "👎"}: true}
	eventually(t, "both", func() bool { return len(api.acted("setMessageReaction")) == 2 })
	for _, got := range api.acted("setMessageReaction") {
		if !want[got] {
			t.Errorf("%+v", got)
		}
	}
	m.commit("dialog", "7", reactionOf(eventv1.Actor_TYPE_CUSTOMER, 7, answer.id, 0))
	eventually(t, "it is taken back", func() bool {
		acts := api.acted("setMessageReaction")
		return len(acts) == 3 && acts[2] == act{"setMessageReaction", testGroup, 500, ""}
	})
}

func TestTraceOfWhatWaits(t *testing.T) {
	m, api, _, _ := mirror(t)
	block := make(chan struct{})
	api.setFault(func(method string, p params) error {
		if method == "copyMessage" && p.Chat == 7 {
			<-block
		}
		return nil
	}, nil)
	defer close(block)
	m.commit("dialog", "7", copyOf(customer, testGroup, 500, ""))
	m.commit("dialog", "7", copyOf(customer, testGroup, 501, ""))
	m.commit("dialog", "7", noticeOf(&eventv1.Notice{Code: eventv1.Notice_CODE_TRACE, ReplyTo: ref(testGroup, 502), Subject: ref(testGroup, 501)}))
	eventually(t, "the trace", func() bool { return len(api.messages()) == 1 })
	if text := api.messages()[0].text; !strings.Contains(text, "number 2 of its lane, 1 before it") {
		t.Errorf("it says %q", text)
	}
}

func TestNoticesThatWaitGoTogether(t *testing.T) {
	ln, t0 := newLane(laneKey{"7", desk}, 0), time.Unix(1000, 0)
	for no := uint64(1); no <= 3; no++ {
		ln.offer(request{no: no, notice: &eventv1.Notice{Code: eventv1.Notice_CODE_ALREADY}, came: t0}, true)
	}
	ln.offer(request{no: 4, notice: &eventv1.Notice{Code: eventv1.Notice_CODE_TRACE}, came: t0}, true)
	if got := ln.next(t0, t0); got.size != 1 {
		t.Errorf("%d at once", got.size)
	}
	if got := ln.next(t0, t0.Add(mergeAfter)); got.size != 3 {
		t.Errorf("%d after waiting", got.size)
	}
}

// A message that waits is marked, the mark outlives a restart, and goes when the message has gone out.
func TestWaitingIsMarkedUntilItIsOver(t *testing.T) {
	m, api := newMemory(), newTelegram()
	soon := func(cfg *Config, _ *Deps) { cfg.MarkAfter = 50 * time.Millisecond }
	api.setFault(func(method string, p params) error {
		if method == "copyMessage" && p.Chat == 7 {
			return limited(1)
		}
		return nil
	}, nil)
	marks := func() (found []string) {
		for _, a := range api.acted("setMessageReaction") {
			if a.chat == testGroup && a.message == 500 {
				found = append(found, a.what)
			}
		}
		return found
	}
	_, stop := start(t, m, api, soon)
	m.commit("dialog", "7", copyOf(customer, testGroup, 500, ""))
	eventually(t, "the mark", func() bool { return len(marks()) == 1 })
	stop()
	api.setFault(nil, nil)
	start(t, m, api, soon)
	copied(t, api, 7, 500, 1)
	eventually(t, "the mark is gone", func() bool { n := len(marks()); return n > 1 && marks()[n-1] == "" })
	if first := marks()[0]; first != markWaits {
		t.Errorf("marked with %q", first)
	}
}

func TestOwnerIsToldOnce(t *testing.T) {
	m, api, _, _ := mirror(t)
	var fixed atomic.Bool
	api.setFault(func(method string, p params) error {
		if method == "createForumTopic" && !fixed.Load() {
			return bad("not enough rights to create a topic")
		}
		return nil
	}, nil)
	toOwner := func() (texts []string) {
		for _, sent := range api.messages() {
			if sent.chat == 99 {
				texts = append(texts, sent.text)
			}
		}
		return texts
	}
	m.commit("dialog", "7", copyOf(desk, 7, 1, ""))
	m.commit("dialog", "8", copyOf(desk, 8, 1, ""))
	eventually(t, "the owner is told", func() bool { return len(toOwner()) > 0 })
	fixed.Store(true)
	eventually(t, "the owner is told that it is over", func() bool { return len(toOwner()) > 1 })
	if got := toOwner(); len(got) != 2 || !strings.Contains(got[0], "manage topics") {
		t.Errorf("the owner got %q", got)
	}
}

// An answer that is edited into a comment before it has gone out stays with the team; so does what its former edits would copy.
func TestTakenBackIsNotSent(t *testing.T) {
	m, api, _, _ := mirror(t)
	open := make(chan struct{})
	api.setFault(func(method string, p params) error {
		if p.Message == 500 {
			<-open
		}
		return nil
	}, nil)
	m.commit("dialog", "7", copyOf(customer, testGroup, 500, ""))
	m.commit("dialog", "7", copyOf(customer, testGroup, 501, ""))
	m.commit("dialog", "7", editOf(customer, testGroup, 500))
	eventually(t, "the first call", func() bool { return api.count("copyMessage") == 1 })
	for _, message := range []int64{500, 501} {
		m.commit("dialog", "7", noticeOf(&eventv1.Notice{Code: eventv1.Notice_CODE_EDIT_HELD, ReplyTo: ref(testGroup, message)}))
	}
	m.commit("dialog", "8", copyOf(desk, 8, 1, ""))
	copied(t, api, testGroup, 1, 1) // all of it has been read
	close(open)
	m.commit("dialog", "7", copyOf(customer, testGroup, 502, ""))
	copied(t, api, 7, 502, 1)
	if got := api.copies(7, testGroup); len(got) != 2 || got[0] != 500 || got[1] != 502 {
		t.Errorf("the customer got %v, want the first, whose call had begun, and the last", got)
	}
}

func TestPauseToldByAMarkIsObeyed(t *testing.T) {
	m, api, _, _ := mirror(t)
	m.commit("dialog", "7", copyOf(desk, 7, 1, ""))
	copied(t, api, testGroup, 1, 1)
	var until atomic.Int64
	api.setFault(func(method string, p params) error {
		if method == "setMessageReaction" {
			until.Store(time.Now().Add(time.Second).UnixNano())
			return limited(1)
		}
		if early := until.Load() - time.Now().UnixNano(); p.Chat == testGroup && early > 0 {
			t.Errorf("%s came %v too early", method, time.Duration(early))
		}
		return nil
	}, nil)
	m.commit("dialog", "7", noticeOf(&eventv1.Notice{Code: eventv1.Notice_CODE_NOT_DELIVERED, Lane: customer, ReplyTo: ref(testGroup, 500)}))
	eventually(t, "the mark is tried", func() bool { return until.Load() != 0 })
	m.commit("dialog", "7", copyOf(desk, 7, 2, ""))
	copied(t, api, testGroup, 2, 1)
}

// What waits is counted after a restart too, also what is not in memory.
func TestWaitingIsCountedAfterARestart(t *testing.T) {
	m, api := newMemory(), newTelegram()
	api.setFault(func(method string, _ params) error {
		if method == "createForumTopic" {
			return limited(2)
		}
		return nil
	}, nil)
	_, stop := start(t, m, api)
	const each = 100
	for i := int64(1); i <= each; i++ {
		m.commit("dialog", "7", copyOf(desk, 7, i, ""))
		m.commit("dialog", "8", copyOf(desk, 8, i, ""))
	}
	eventually(t, "the pause", func() bool { return api.count("createForumTopic") > 0 })
	stop()
	block := make(chan struct{})
	api.setFault(func(method string, _ params) error {
		if method == "createForumTopic" {
			<-block
		}
		return nil
	}, nil)
	r, _ := start(t, m, api)
	doubt := func() float64 { return testutil.ToFloat64(r.metrics.doubt.WithLabelValues(testConn)) }
	eventually(t, "all of it is counted", func() bool { return doubt() == 2*each })
	close(block)
	eventually(t, "nothing waits", func() bool { return doubt() == 0 })
	sequence(t, api.copies(testGroup, 7), each)
}

func TestEditDoesNotBringADeletedCopyBack(t *testing.T) {
	m, api, contents, _ := mirror(t)
	m.commit("dialog", "7", copyOf(customer, testGroup, 500, ""))
	copied(t, api, 7, 500, 1)
	m.commit("dialog", "7", deleteOf(500, 600))
	contents.put(500, `{"text":"better"}`)
	m.commit("dialog", "7", editOf(customer, testGroup, 500))
	m.commit("dialog", "7", copyOf(customer, testGroup, 501, ""))
	copied(t, api, 7, 501, 1)
	if got := api.copies(7, testGroup); len(got) != 2 || len(api.acted("editMessageText")) != 0 {
		t.Errorf("the customer got %v", got)
	}
}
