package relay

import (
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/hotline-desk/hotline/pkg/tg"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// halt is a fault that can be mended.
func halt(api *telegram, fault func(method string, p params) error) (mend func()) {
	var mended atomic.Bool
	api.setFault(func(method string, p params) error {
		if mended.Load() {
			return nil
		}
		return fault(method, p)
	}, nil)
	return func() { mended.Store(true) }
}

func says(r *Relay, words string) func() bool {
	return func() bool {
		err := r.Ready()
		return err != nil && strings.Contains(err.Error(), words)
	}
}

func paused(r *Relay, why reason) float64 {
	return testutil.ToFloat64(r.metrics.paused.WithLabelValues(string(why)))
}

// Whatever keeps messages back is said with its remedy as long as it lasts, and nothing is lost by it.
func TestStandstillIsSaidUntilItIsOver(t *testing.T) {
	inGroup := func(code int, text string) func(string, params) error {
		return func(method string, p params) error {
			if p.Chat == testGroup && method != "getChat" {
				return refusal(code, testGroup, text)
			}
			return nil
		}
	}
	unauthorized := func(string, params) error { return refusal(401, 0, "Unauthorized") }
	for name, c := range map[string]struct {
		fault func(string, params) error
		why   reason
		words string
	}{
		"kicked":      {inGroup(403, "Forbidden: bot was kicked from the supergroup chat"), reasonGroupGone, "add it again"},
		"no forum":    {inGroup(400, "Bad Request: the chat is not a forum"), reasonNoForum, "switch on Topics"},
		"rights":      {inGroup(400, "Bad Request: not enough rights to create a topic"), reasonRights, "manage topics"},
		"refused":     {inGroup(400, "Bad Request: something new"), reasonRefused, "check the group's settings"},
		"token":       {unauthorized, reasonToken, "@BotFather"},
		"unreachable": {func(string, params) error { return &tg.TransportError{Method: "x"} }, reasonUnreachable, "HOTLINE_TELEGRAM_API"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, api := newMemory(), newTelegram()
			r, stop := start(t, m, api)
			eventually(t, "ready", func() bool { return r.Ready() == nil })
			mend := halt(api, c.fault)
			m.commit("dialog", "7", copyOf(desk, 7, 1, ""))
			eventually(t, "unready", says(r, c.words))
			if err := r.Ready(); err == nil || strings.Contains(err.Error(), "AAAA") {
				t.Errorf("said %v", err)
			}
			if n := paused(r, c.why); n != 1 {
				t.Errorf("the gauge is %v", n)
			}
			mend()
			eventually(t, "delivery", func() bool { return len(api.copies(testGroup, 7)) == 1 })
			eventually(t, "ready again", func() bool { return r.Ready() == nil && paused(r, c.why) == 0 })
			if len(m.reports()) != 0 {
				t.Errorf("reports %v", m.reports())
			}
			stop()
		})
	}
}

// A connection that is given up while its messages wait is no pause of this process any more.
func TestPauseEndsWithTheOwner(t *testing.T) {
	m, api := newMemory(), newTelegram()
	halt(api, func(string, params) error { return refusal(401, 0, "Unauthorized") })
	r, stop := start(t, m, api)
	m.commit("dialog", "7", copyOf(customer, testGroup, 1, ""))
	eventually(t, "the pause", func() bool { return paused(r, reasonToken) == 1 })
	stop()
	if n := paused(r, reasonToken); n != 0 {
		t.Errorf("the gauge is %v", n)
	}
}

func TestHiccupIsNotSaid(t *testing.T) {
	m, api := newMemory(), newTelegram()
	r, _ := start(t, m, api)
	eventually(t, "ready", func() bool { return r.Ready() == nil })
	mend := halt(api, func(string, params) error { return &tg.TransportError{Method: "x"} })
	m.commit("dialog", "7", copyOf(desk, 7, 1, ""))
	eventually(t, "the pause", func() bool { return paused(r, reasonUnreachable) == 1 })
	if err := r.Ready(); err != nil {
		t.Errorf("said at once: %v", err)
	}
	mend()
	eventually(t, "delivery", func() bool { return len(api.copies(testGroup, 7)) == 1 })
}

// Who may not make topics may still write into those that there are.
func TestDialogsWithATopicGoOnWithoutTheRightToMakeOne(t *testing.T) {
	m, api := newMemory(), newTelegram()
	r, _ := start(t, m, api)
	m.commit("dialog", "7", copyOf(desk, 7, 1, ""))
	eventually(t, "a topic", func() bool { return len(api.copies(testGroup, 7)) == 1 })
	mend := halt(api, func(method string, _ params) error {
		if method == "createForumTopic" {
			return refusal(400, testGroup, "Bad Request: not enough rights to create a topic")
		}
		return nil
	})
	m.commit("dialog", "8", copyOf(desk, 8, 1, ""))
	eventually(t, "unready", says(r, "manage topics"))
	for i := int64(2); i <= 20; i++ {
		m.commit("dialog", "7", copyOf(desk, 7, i, ""))
	}
	eventually(t, "copies", func() bool { return len(api.copies(testGroup, 7)) == 20 })
	if r.Ready() == nil {
		t.Error("ready, while a customer waits")
	}
	mend()
	eventually(t, "delivery", func() bool { return len(api.copies(testGroup, 8)) == 1 && r.Ready() == nil })
}

// The group that an answer was written in is out of reach: that is no fault of the customer, whichever way Telegram says it.
func TestAnswersOutOfALostGroupWait(t *testing.T) {
	for name, answer := range map[string]error{
		"not found": refusal(400, 7, "Bad Request: chat not found"),
		"kicked":    refusal(403, 7, "Forbidden: bot was kicked from the supergroup chat"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, api := newMemory(), newTelegram()
			r, _ := start(t, m, api)
			var calls atomic.Int32
			mend := halt(api, func(method string, p params) error {
				switch {
				case method == "getChat" && p.Chat == testGroup:
					return refusal(403, testGroup, "Forbidden: bot was kicked from the supergroup chat")
				case p.From == testGroup:
					calls.Add(1)
					return answer
				}
				return nil
			})
			for c := int64(1); c <= 20; c++ {
				m.commit("dialog", strconv.FormatInt(c, 10), copyOf(customer, testGroup, c, ""), copyOf(customer, testGroup, c+100, ""))
			}
			eventually(t, "unready", says(r, "add it again"))
			eventually(t, "another try", func() bool { return calls.Load() > 20 })
			mend()
			for c := int64(1); c <= 20; c++ {
				eventually(t, "delivery", func() bool { return len(api.copies(c, testGroup)) == 2 })
			}
			eventually(t, "ready again", func() bool { return r.Ready() == nil })
			if len(m.reports()) != 0 {
				t.Errorf("reports %v", m.reports())
			}
		})
	}
}

// The bot may come back between a refusal and the question which chat it was about: then the copy is simply made.
func TestComingBackIsNoLoss(t *testing.T) {
	m, api := newMemory(), newTelegram()
	start(t, m, api)
	var answers, messages atomic.Int32
	api.setFault(func(method string, p params) error {
		switch {
		case p.From == testGroup && answers.Add(1) == 1:
			return refusal(400, 7, "Bad Request: chat not found")
		case p.From == 7 && messages.Add(1) == 1:
			return refusal(400, testGroup, "Bad Request: chat not found")
		}
		return nil
	}, nil)
	m.commit("dialog", "7", copyOf(desk, 7, 1, ""), copyOf(customer, testGroup, 1, ""))
	eventually(t, "both", func() bool { return len(api.copies(7, testGroup)) == 1 && len(api.copies(testGroup, 7)) == 1 })
	if len(m.reports()) != 0 {
		t.Errorf("reports %v", m.reports())
	}
}

// What was written in a group that is the backend no more is not waited for, and a customer who is gone is still told apart.
func TestWhichChatIsGone(t *testing.T) {
	const former = int64(-1002)
	m, api := newMemory(), newTelegram()
	r, _ := start(t, m, api)
	api.setFault(func(method string, p params) error {
		switch {
		case p.From == former:
			return refusal(403, 7, "Forbidden: bot is not a member of the supergroup chat")
		case p.Chat == 8:
			return refusal(400, 8, "Bad Request: chat not found")
		case p.From == 9:
			return refusal(400, testGroup, "Bad Request: chat not found")
		}
		return nil
	}, nil)
	m.commit("dialog", "7", copyOf(customer, former, 1, ""))
	m.commit("dialog", "8", copyOf(customer, testGroup, 1, ""))
	m.commit("dialog", "9", copyOf(desk, 9, 1, ""))
	eventually(t, "reports", func() bool { return len(m.reports()) == 3 })
	for _, report := range m.reports() {
		want := map[string]eventv1.FailureClass{
			"7": eventv1.FailureClass_FAILURE_CLASS_SOURCE_GONE, "9": eventv1.FailureClass_FAILURE_CLASS_SOURCE_GONE, "8": eventv1.FailureClass_FAILURE_CLASS_CUSTOMER_GONE}[report.Dialog]
		if report.Class != want {
			t.Errorf("dialog %s: %v, want %v", report.Dialog, report.Class, want)
		}
	}
	if err := r.Ready(); err != nil {
		t.Errorf("not ready: %v", err)
	}
}

func TestEveryReasonHasWordsOfItsOwn(t *testing.T) {
	seen := map[string]reason{}
	for _, why := range reasons() {
		if before, twice := seen[why.remedy()]; twice {
			t.Errorf("%s and %s say the same", before, why)
		}
		seen[why.remedy()] = why
	}
}
