package bench

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/hotline-desk/hotline/services/simulator"
)

const (
	answeredEvery = 50      // dialogs: one of so many is answered, in every third message
	realMessages  = 50_000  // that Telegram knows of in the other dialogs: many more than are delivered here
	unrealID      = 1 << 29 // ids of those it does not
)

// crowd is a cast that the simulated Telegram knows, with topics and messages: what they wrote can be delivered. The desk
// gets no update of it, for a log that has it all is written instead.
type crowd struct {
	w        *startWorld
	dialogs  int
	answer   func(dialog, turn int) bool // tells answers from questions
	answered int                         // answers that wait
	people   []*simulator.Customer
	threads  []int64
	ids      [][]int64 // messages by dialog and turn
}

func newCrowd(b *testing.B, w *startWorld, dialogs, waiting int, answer func(dialog, turn int) bool) *crowd {
	c := &crowd{w: w, dialogs: dialogs, answer: answer, ids: make([][]int64, dialogs)}
	known := len(w.group.Topics())
	operator := w.group.NewOperator("Grace Hopper")
	for d := range dialogs {
		c.people = append(c.people, w.sim.NewCustomer(fmt.Sprintf("Customer %d", d)))
		c.call(b, "createForumTopic", url.Values{"chat_id": {fmt.Sprint(w.group.ID())}, "name": {c.people[d].Name()}})
	}
	for _, topic := range w.group.Topics()[known:] {
		c.threads = append(c.threads, topic.ID)
	}
	for k := range dialogs + waiting {
		d, turn := k%dialogs, k/dialogs
		if k >= realMessages && d%answeredEvery != 0 {
			continue
		}
		id := int64(0)
		if c.answers(d, turn) {
			c.answered++
			id = operator.SendIn(c.threads[d], simulator.Text(fmt.Sprintf("answer %d", turn))).ID
		} else {
			id = c.people[d].Send(simulator.Text(fmt.Sprintf("message %d", turn))).ID
		}
		c.ids[d] = append(c.ids[d], id)
	}
	c.call(b, "deleteWebhook", url.Values{"drop_pending_updates": {"true"}})
	return c
}

// call is a call of the bot that the desk does not make.
func (c *crowd) call(b *testing.B, method string, form url.Values) {
	b.Helper()
	address := c.w.sim.URL() + "/bot" + c.w.bot.Token() + "/" + method
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusOK {
		b.Fatalf("%s: %s, %v", method, res.Status, err)
	}
}

func (c *crowd) customer(d int) int64 { return c.people[d].ID() }
func (c *crowd) thread(d int) int64   { return c.threads[d] }

func (c *crowd) answers(d, turn int) bool { return c.answer(d, turn) }

// fewAnswered is the crowd of a long queue; in every other dialog only questions wait.
func fewAnswered(d, turn int) bool { return d%answeredEvery == 0 && turn%3 == 1 }

func (c *crowd) message(d, turn int) int64 {
	if turn < len(c.ids[d]) {
		return c.ids[d][turn]
	}
	return int64(unrealID + turn)
}

// inOrder checks that what came of a dialog is what waited, from the first message on, and nothing else. It returns how
// many those are.
func (c *crowd) inOrder(b *testing.B, d int) int {
	b.Helper()
	var questions, answers []int64
	for turn, id := range c.ids[d] {
		switch {
		case turn == 0: // delivered long ago
		case c.answers(d, turn):
			answers = append(answers, id)
		default:
			questions = append(questions, id)
		}
	}
	prefix := func(what string, waited []int64, got []simulator.Message) int {
		var ids []int64
		for _, m := range got {
			if m.Source.ID != 0 {
				ids = append(ids, m.Source.ID)
			}
		}
		if len(ids) > len(waited) || !slices.Equal(ids, waited[:len(ids)]) {
			b.Errorf("%s of dialog %d: %v came, %v waited", what, d, ids, waited)
		}
		return len(ids)
	}
	return prefix("questions", questions, c.w.group.Messages(c.threads[d])) + prefix("answers", answers, c.people[d].Inbox())
}
