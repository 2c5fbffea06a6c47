package relay

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/pkg/es"
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
	eventually(t, "all copied and marked", func() bool { return len(api.messages()) == 5 })
	if got := api.copies(testGroup, 7); !slices.Equal(got, []int64{1, 2, 2, 3}) {
		t.Errorf("copies %v", got)
	}
	var again, mark message
	for _, sent := range api.messages() {
		if sent.source == 2 {
			again = sent
		}
		if sent.text != "" {
			mark = sent
		}
	}
	if mark.text != "↻" || mark.reply != again.id || mark.thread != again.thread {
		t.Errorf("mark %+v of %+v", mark, again)
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
		text := noticeText(&eventv1.Notice{Code: code})
		if before, twice := seen[text]; twice || text == "" {
			t.Errorf("%s and %s say the same: %q", name, before, text)
		}
		seen[text] = code
	}
}

// killed makes an owner that stops at a step for ever, as a killed process does: what it was doing is never finished.
type killed struct {
	mu   sync.Mutex
	step string
	left int
	dead chan struct{}
}

func (k *killed) at(step string) {
	k.mu.Lock()
	if step == k.step {
		if k.left--; k.left == 0 {
			close(k.dead)
		}
	}
	k.mu.Unlock()
	select {
	case <-k.dead:
		select {} // nothing of a killed process goes on
	default:
	}
}

func TestKilledAtEveryStep(t *testing.T) {
	steps := []string{"before_claim", "after_claim", "before_call", "after_call", "before_done", "after_done",
		"topic_before_claim", "topic_after_claim", "topic_before_call", "topic_after_call", "topic_before_done", "topic_after_done", "topic_after_put"}
	for _, step := range steps {
		for _, nth := range []int{1, 2} {
			t.Run(fmt.Sprint(step, nth), func(t *testing.T) {
				t.Parallel()
				killAt(t, step, nth)
			})
		}
	}
}

func killAt(t *testing.T, step string, nth int) {
	m, api := newMemory(), newTelegram()
	api.seen = func(thread int64) {
		m.commit("topic", fmt.Sprint(thread), &eventv1.Event{Body: &eventv1.Event_TopicSeen{
			TopicSeen: &eventv1.TopicSeen{Chat: testGroup, Thread: thread}}})
	}
	k := &killed{step: step, left: nth, dead: make(chan struct{})}
	abandonRelay(t, m, api, k)
	for i := int64(1); i <= 5; i++ {
		for c := int64(1); c <= 3; c++ {
			m.commit("dialog", fmt.Sprint(c), copyOf(desk, c, i, ""), copyOf(customer, testGroup, c*100+i, ""))
		}
	}
	select {
	case <-k.dead:
	case <-time.After(10 * time.Second):
		t.Fatal("the step was never reached")
	}
	start(t, m, api)
	extra := 0
	for c := int64(1); c <= 3; c++ {
		c := c
		eventually(t, "everything", func() bool {
			return slices.Contains(api.copies(testGroup, c), 5) && slices.Contains(api.copies(c, testGroup), c*100+5)
		})
		extra += inOrder(t, api.copies(testGroup, c), 1) + inOrder(t, api.copies(c, testGroup), c*100+1)
	}
	if extra > 6 { // six lanes, so six calls in flight
		t.Errorf("%d messages twice", extra)
	}
	checkTopics(t, m, api)
}

// inOrder checks that all five messages are there in order, and counts those that are there twice.
func inOrder(t *testing.T, got []int64, first int64) (extra int) {
	t.Helper()
	next := first
	for i, message := range got {
		switch {
		case message == next:
			next++
		case i > 0 && message == got[i-1]:
			extra++
		default:
			t.Fatalf("out of order: %v", got)
		}
	}
	if next != first+5 {
		t.Fatalf("missing: %v", got)
	}
	return extra
}

func checkTopics(t *testing.T, m *memory, api *telegram) {
	t.Helper()
	api.mu.Lock()
	made := len(api.topics)
	api.mu.Unlock()
	if made != 3 {
		t.Errorf("%d topics for 3 customers", made)
	}
	of := map[int64]int64{}
	for _, sent := range api.messages() {
		if sent.chat != testGroup || sent.source == 0 {
			continue
		}
		if before, ok := of[sent.from]; ok && before != sent.thread {
			t.Errorf("customer %d in topics %d and %d", sent.from, before, sent.thread)
		}
		of[sent.from] = sent.thread
	}
}

// abandonRelay runs an owner that nobody ever stops.
func abandonRelay(t *testing.T, m *memory, api Caller, k *killed) {
	t.Helper()
	started := make(chan struct{})
	go func() {
		close(started)
		r, err := newKilled(m, api, k)
		if err != nil {
			t.Error(err)
			return
		}
		_ = r.Run(context.Background())
	}()
	<-started
}

func newKilled(m *memory, api Caller, k *killed) (*Relay, error) {
	deps := testDeps(m, api)
	return New(Config{CrashAt: k.at}, deps)
}

func TestZombieCannotWriteAndStops(t *testing.T) {
	m, api := newMemory(), newTelegram()
	start(t, m, api)
	m.commit("dialog", "7", copyOf(desk, 7, 1, ""))
	eventually(t, "first owner", func() bool { return len(api.copies(testGroup, 7)) == 1 })
	start(t, m, api) // takes over while the first believes to own
	eventually(t, "second owner", func() bool {
		_, entry, err := m.Last(context.Background())
		return err == nil && entry.Epoch >= 2
	})
	for i := int64(2); i <= 20; i++ {
		m.commit("dialog", "7", copyOf(desk, 7, i, ""))
	}
	eventually(t, "all", func() bool { return slices.Contains(api.copies(testGroup, 7), 20) })
	claims := map[uint64]uint64{}
	m.mu.Lock()
	for _, e := range m.entries {
		for _, record := range e.GetRecords() {
			if s := record.GetStarted(); s != nil && s.GetAttempt() == 1 {
				if by, twice := claims[s.Delivery.FirstNo]; twice {
					t.Errorf("%d claimed under epochs %d and %d", s.Delivery.FirstNo, by, e.Epoch)
				}
				claims[s.Delivery.FirstNo] = e.Epoch
			}
		}
	}
	m.mu.Unlock()
}

func TestJournalOutagePausesAndLosesNothing(t *testing.T) {
	m, api := newMemory(), newTelegram()
	start(t, m, api)
	m.commit("dialog", "7", copyOf(desk, 7, 1, ""))
	eventually(t, "first", func() bool { return len(api.copies(testGroup, 7)) == 1 })
	m.mu.Lock()
	m.broken = es.ErrUnavailable
	m.mu.Unlock()
	for i := int64(2); i <= 10; i++ {
		m.commit("dialog", "7", copyOf(desk, 7, i, ""))
	}
	m.mu.Lock()
	m.broken = nil
	m.mu.Unlock()
	eventually(t, "all", func() bool { return len(api.copies(testGroup, 7)) == 10 })
	sequence(t, api.copies(testGroup, 7), 10)
}

func TestCleanStopLosesAndDoublesNothing(t *testing.T) {
	m, api := newMemory(), newTelegram()
	for i := int64(1); i <= 300; i++ {
		m.commit("dialog", fmt.Sprint(i%7+1), copyOf(desk, i%7+1, i, ""))
	}
	for round := 0; round < 5; round++ {
		_, stop := start(t, m, api)
		want := min(60*(round+1), 300)
		eventually(t, "some", func() bool { return total(api) >= want })
		stop()
	}
	_, stop := start(t, m, api)
	eventually(t, "all", func() bool { return total(api) >= 300 })
	stop()
	if n := total(api); n != 300 {
		t.Errorf("%d copies", n)
	}
	for _, record := range m.records() {
		if record.GetUnknown() != nil {
			t.Error("a clean stop left a claim in doubt")
		}
	}
}

func total(api *telegram) int {
	n := 0
	for _, sent := range api.messages() {
		if sent.source != 0 {
			n++
		}
	}
	return n
}
