package relay

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

func TestAlbumsGoTogetherAndSinglesDoNotWait(t *testing.T) {
	m, api := newMemory(), newTelegram()
	start(t, m, api)
	m.commit("dialog", "7", copyOf(desk, 7, 1, "a"))
	m.commit("dialog", "7", copyOf(desk, 7, 2, "a"))
	m.commit("dialog", "7", copyOf(desk, 7, 3, "a"))
	m.commit("dialog", "7", copyOf(desk, 7, 4, ""))
	began := time.Now()
	eventually(t, "album and single", func() bool { return len(api.copies(testGroup, 7)) == 4 })
	if took := time.Since(began); took > 900*time.Millisecond {
		t.Errorf("an album that something follows waited for %v", took)
	}
	m.commit("dialog", "7", copyOf(desk, 7, 5, "b"))
	m.commit("dialog", "7", copyOf(desk, 7, 6, "c"))
	m.commit("dialog", "7", copyOf(desk, 7, 7, "c"))
	eventually(t, "albums", func() bool { return len(api.copies(testGroup, 7)) == 7 })
	var sizes []int
	for _, sent := range api.messages() {
		sizes = append(sizes, sent.album)
	}
	sequence(t, api.copies(testGroup, 7), 7)
	if want := []int{3, 3, 3, 0, 0, 2, 2}; !slices.Equal(sizes, want) {
		t.Errorf("albums of %v, want %v", sizes, want)
	}
}

func TestLimitedChatWaitsAndNothingIsSentTwice(t *testing.T) {
	m, api := newMemory(), newTelegram()
	var hits atomic.Int32
	var until atomic.Int64
	api.setFault(func(method string, p params) error {
		if method == "getMe" || p.Chat != testGroup {
			return nil
		}
		if early := until.Load() - time.Now().UnixNano(); early > 0 {
			t.Errorf("%s came %v too early", method, time.Duration(early))
		}
		if method == "copyMessage" && hits.Add(1) == 3 {
			until.Store(time.Now().Add(time.Second).UnixNano())
			return limited(1)
		}
		return nil
	}, nil)
	start(t, m, api)
	for i := int64(1); i <= 10; i++ {
		m.commit("dialog", "7", copyOf(desk, 7, i, ""))
	}
	eventually(t, "all copied", func() bool { return len(api.copies(testGroup, 7)) == 10 })
	sequence(t, api.copies(testGroup, 7), 10)
}

func TestLostAnswerIsSentOnceMoreAndMarked(t *testing.T) {
	m, api := newMemory(), newTelegram()
	var probed, dropped atomic.Bool
	api.setFault(func(method string, _ params) error {
		if method == "getMe" {
			probed.Store(true)
		} else if dropped.Load() && !probed.Load() && method == "copyMessage" {
			t.Error("sent again before getMe answered")
		}
		return nil
	}, func(method string, p params) error {
		if method == "copyMessage" && p.Message == 2 && dropped.CompareAndSwap(false, true) {
			return errLost
		}
		return nil
	})
	start(t, m, api)
	for i := int64(1); i <= 3; i++ {
		m.commit("dialog", "7", copyOf(desk, 7, i, ""))
	}
	eventually(t, "all copied", func() bool { return len(api.messages()) == 4 })
	if got := api.copies(testGroup, 7); !slices.Equal(got, []int64{1, 2, 2, 3}) {
		t.Errorf("copies %v", got)
	}
	again := api.messages()[2]
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.facts) != 1 {
		t.Fatalf("facts %v", m.facts)
	}
	said := m.facts[0].GetDeliveryRepeated()
	if said.GetDialog() != "7" || said.GetLaneNo() != 2 || said.GetSource().GetMessage() != 2 ||
		said.GetCopy().GetChat() != testGroup || said.GetCopy().GetMessage() != again.id {
		t.Errorf("said %v of %+v", said, again)
	}
}

func TestAnswerLostTwiceIsReported(t *testing.T) {
	m, api := newMemory(), newTelegram()
	api.setFault(func(method string, p params) error {
		if method == "copyMessage" && p.Message == 1 {
			return errLost
		}
		return nil
	}, nil)
	start(t, m, api)
	m.commit("dialog", "7", copyOf(customer, testGroup, 1, ""))
	m.commit("dialog", "7", copyOf(customer, testGroup, 2, ""))
	eventually(t, "the next message", func() bool { return len(api.copies(7, testGroup)) == 1 })
	reports := m.reports()
	if len(reports) != 1 || reports[0].Class != eventv1.FailureClass_FAILURE_CLASS_UNKNOWN || reports[0].LaneNo != 1 ||
		reports[0].Source.GetMessage() != 1 || reports[0].Dialog != "7" {
		t.Errorf("reports %v", reports)
	}
	if n := api.count("copyMessage"); n != 3 {
		t.Errorf("%d calls, want 2 for the first and 1 for the second", n)
	}
}

func TestCustomerGoneIsReportedAndTheLaneGoesOn(t *testing.T) {
	m, api := newMemory(), newTelegram()
	api.setFault(func(method string, p params) error {
		if p.Chat == 7 && p.Message == 1 {
			return refusal(403, 7, "Forbidden: bot was blocked by the user")
		}
		return nil
	}, nil)
	start(t, m, api)
	m.commit("dialog", "7", copyOf(customer, testGroup, 1, ""))
	m.commit("dialog", "7", copyOf(customer, testGroup, 2, ""))
	eventually(t, "the second", func() bool { return len(api.copies(7, testGroup)) == 1 })
	if r := m.reports(); len(r) != 1 || r[0].Class != eventv1.FailureClass_FAILURE_CLASS_CUSTOMER_GONE {
		t.Errorf("reports %v", r)
	}
}

func TestDeletedTopicIsMadeAnewForTheMessageThatFoundIt(t *testing.T) {
	m, api := newMemory(), newTelegram()
	start(t, m, api)
	m.commit("dialog", "7", copyOf(desk, 7, 1, ""))
	eventually(t, "first", func() bool { return len(api.copies(testGroup, 7)) == 1 })
	api.mu.Lock()
	for _, topic := range api.topics {
		topic.gone = true
	}
	api.mu.Unlock()
	m.commit("dialog", "7", copyOf(desk, 7, 2, ""))
	m.commit("dialog", "7", copyOf(desk, 7, 3, ""))
	eventually(t, "others", func() bool { return len(api.copies(testGroup, 7)) == 3 })
	sequence(t, api.copies(testGroup, 7), 3)
	sent := api.messages()
	if sent[0].thread == sent[1].thread || sent[1].thread != sent[2].thread || len(m.reports()) != 0 {
		t.Errorf("threads %d %d %d, reports %v", sent[0].thread, sent[1].thread, sent[2].thread, m.reports())
	}
}

func TestGroupThatRefusesMakesMessagesWait(t *testing.T) {
	m, api := newMemory(), newTelegram()
	var kicked atomic.Bool
	kicked.Store(true)
	api.setFault(func(_ string, p params) error {
		if p.Chat == testGroup && kicked.Load() {
			return refusal(403, testGroup, "Forbidden: bot was kicked from the supergroup chat")
		}
		return nil
	}, nil)
	start(t, m, api)
	m.commit("dialog", "7", copyOf(desk, 7, 1, ""))
	m.commit("dialog", "8", copyOf(customer, testGroup, 1, ""))
	eventually(t, "a refusal, and the answer of another dialog", func() bool {
		return api.count("createForumTopic") > 0 && len(api.copies(8, testGroup)) == 1
	})
	kicked.Store(false)
	eventually(t, "delivery", func() bool { return len(api.copies(testGroup, 7)) == 1 })
	if len(m.reports()) != 0 {
		t.Errorf("reports %v", m.reports())
	}
}

func TestLooksFollowTheLastStatus(t *testing.T) {
	m, api := newMemory(), newTelegram()
	start(t, m, api)
	m.commit("dialog", "7", status(eventv1.Status_STATUS_USER_ANSWERED), copyOf(desk, 7, 1, ""))
	look := func(name string, closed bool) func() bool {
		return func() bool {
			api.mu.Lock()
			defer api.mu.Unlock()
			for _, topic := range api.topics {
				return topic.name == name && topic.closed == closed
			}
			return false
		}
	}
	eventually(t, "🟪", look("🟪 Anna_7", false))
	m.commit("dialog", "7", status(eventv1.Status_STATUS_SUPPORT_ANSWERED))
	eventually(t, "🟨", look("🟨 Anna_7", false))
	m.commit("dialog", "7", status(eventv1.Status_STATUS_CLOSED))
	eventually(t, "⬛", look("⬛ Anna_7", true))
	eventually(t, "the bucket", func() bool {
		record, err := m.TopicOf(context.Background(), testConn, "7")
		return err == nil && record.Status == eventv1.Status_STATUS_CLOSED
	})
	m.commit("dialog", "7", status(eventv1.Status_STATUS_USER_ANSWERED))
	eventually(t, "🟪 again", look("🟪 Anna_7", false))
}

func TestWelcomeFallsBackToPlainText(t *testing.T) {
	m, api := newMemory(), newTelegram()
	api.setFault(func(_ string, p params) error {
		if p.Mode != "" && p.Chat == 8 {
			return bad("can't parse entities: can't find end of bold")
		}
		return nil
	}, nil)
	start(t, m, api)
	m.commit("dialog", "7", deliver(customer, &eventv1.DeliveryRequested{Content: &eventv1.DeliveryRequested_Welcome{}}))
	m.commit("dialog", "8", deliver(customer, &eventv1.DeliveryRequested{Content: &eventv1.DeliveryRequested_Welcome{}}))
	eventually(t, "both", func() bool { return len(api.messages()) == 2 })
	for _, sent := range api.messages() {
		want := map[int64]string{7: `Hello *Anna\_7*`, 8: `Hello *Anna_8*`}[sent.chat]
		if sent.text != want {
			t.Errorf("to %d: %q, want %q", sent.chat, sent.text, want)
		}
	}
}

func TestNoticeAnswersTheMessageItIsAbout(t *testing.T) {
	m, api := newMemory(), newTelegram()
	start(t, m, api)
	m.commit("dialog", "7", copyOf(desk, 7, 1, ""))
	m.commit("dialog", "7", deliver(desk, &eventv1.DeliveryRequested{Content: &eventv1.DeliveryRequested_Notice{Notice: &eventv1.Notice{
		Code: eventv1.Notice_CODE_UNCOPYABLE, Kind: eventv1.Kind_KIND_PAID_MEDIA, ReplyTo: &eventv1.MessageRef{Chat: 7, Message: 1}}}}))
	m.commit("dialog", "7", deliver(desk, &eventv1.DeliveryRequested{Content: &eventv1.DeliveryRequested_Notice{Notice: &eventv1.Notice{
		Code: eventv1.Notice_CODE_ALREADY, ReplyTo: &eventv1.MessageRef{Chat: testGroup, Message: 4711}}}}))
	eventually(t, "all", func() bool { return len(api.messages()) == 3 })
	sent := api.messages()
	if sent[1].reply != sent[0].id || sent[2].reply != 4711 {
		t.Errorf("replies to %d and %d, want %d and 4711", sent[1].reply, sent[2].reply, sent[0].id)
	}
}

func TestEveryNoticeHasWords(t *testing.T) {
	seen := map[string]eventv1.Notice_Code{}
	for number, name := range eventv1.Notice_Code_name {
		code := eventv1.Notice_Code(number)
		if code == eventv1.Notice_CODE_TRACE {
			continue // what it says is looked up
		}
		text := noticeText(&eventv1.Notice{Code: code})
		if before, twice := seen[text]; twice || text == "" {
			t.Errorf("%s and %s say the same: %q", name, before, text)
		}
		seen[text] = code
	}
}
