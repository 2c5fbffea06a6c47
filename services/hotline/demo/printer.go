package demo

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/hotline-desk/hotline/services/simulator"
)

const (
	leftWidth  = 35 // of the customer's chat
	rightWidth = 41 // of the team's group
)

// printer shows two chats side by side, as two people would see them.
type printer struct {
	color bool
	group int64
	bot   string

	mu   sync.Mutex
	out  io.Writer
	sent map[simulator.Ref]time.Time // when the original of a copy was written
}

func newPrinter(out io.Writer, color bool, group int64, bot string) *printer {
	return &printer{out: out, color: color, group: group, bot: bot, sent: map[simulator.Ref]time.Time{}}
}

// opening is the first line: it says what this is while the desk starts.
func (s *stage) opening() {
	s.show.plain(fmt.Sprintf("Hotline demo: a desk, and a simulated Telegram on %s. Nothing leaves this machine.", s.sim.URL()), "")
	s.show.row(bold, s.ada.Name()+"'s chat", "the team's group", "")
	s.show.row(dim, strings.Repeat("─", leftWidth), strings.Repeat("─", rightWidth), "")
}

// event prints one thing that was seen.
func (p *printer) event(e simulator.Event) {
	switch e.Kind {
	case simulator.EventCustomerWrote:
		p.wrote(e)
		p.row(normal, e.Who+": "+content(e), "", "")
	case simulator.EventCustomerReceived:
		p.row(normal, p.bot+": "+content(e), "", p.took(e))
	case simulator.EventOperatorWrote:
		p.wrote(e)
		p.row(normal, "", e.Who+": "+content(e), aside(e.Text))
	case simulator.EventCopyArrived:
		p.row(normal, "", e.Who+": "+content(e), p.took(e))
	case simulator.EventNoticeArrived:
		p.row(normal, "", p.bot+": "+content(e), "")
	case simulator.EventTopicCreated:
		p.row(bold, "", e.TopicName, "new topic")
	case simulator.EventTopicRenamed:
		p.row(bold, "", e.TopicName, meaning(e.TopicName))
	case simulator.EventTopicClosed:
		p.row(bold, "", e.TopicName, "topic closed")
	case simulator.EventTopicReopened:
		p.row(bold, "", e.TopicName, "topic reopened")
	case simulator.EventReaction:
		p.side(e, e.Who+" reacts with "+e.Text)
	case simulator.EventCustomerBlocked, simulator.EventCustomerReturned, simulator.EventCustomerEdited,
		simulator.EventMessageEdited, simulator.EventMessageDeleted, simulator.EventTopicDeleted, simulator.EventPressed:
		p.side(e, e.Who+" ("+strings.ReplaceAll(string(e.Kind), "_", " ")+") "+e.Text)
	}
}

// side prints where the event happened.
func (p *printer) side(e simulator.Event, text string) {
	if e.Chat == p.group {
		p.row(dim, "", text, "")
		return
	}
	p.row(dim, text, "", "")
}

func (p *printer) wrote(e simulator.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent[simulator.Ref{Chat: e.Chat, ID: e.ID}] = e.At
}

// took tells how long a copy was under way.
func (p *printer) took(e simulator.Event) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok := p.sent[e.Source]
	if !ok {
		return ""
	}
	return fmt.Sprintf("%d ms", max(1, e.At.Sub(at).Milliseconds()))
}

func (p *printer) verdict(in, out int) {
	p.plain("", "")
	p.plain(fmt.Sprintf("%d messages reached the topic and %d the customer: each once, in order, and nothing else did.", in, out), "")
}

// content is what a person sees of a message.
func content(e simulator.Event) string {
	if e.Content == simulator.KindText {
		return e.Text
	}
	return strings.TrimSpace("[" + strings.ReplaceAll(string(e.Content), "_", " ") + "] " + e.Text)
}

// aside explains what an operator's message is by how it begins.
func aside(text string) string {
	switch {
	case strings.HasPrefix(text, "/ "):
		return "comment"
	case strings.HasPrefix(text, "/"):
		return "command"
	}
	return ""
}

// meaning explains a square.
func meaning(name string) string {
	switch {
	case strings.HasPrefix(name, "🟪"):
		return "needs an answer"
	case strings.HasPrefix(name, "🟨"):
		return "answered"
	case strings.HasPrefix(name, "⬛"):
		return "closed"
	}
	return ""
}

type style string

const (
	normal style = ""
	bold   style = "\x1b[1m"
	dim    style = "\x1b[2m"
	reset        = "\x1b[0m"
)

func (p *printer) paint(st style, text string) string {
	if !p.color || st == normal || text == "" {
		return text
	}
	return string(st) + text + reset
}

func (p *printer) plain(text string, st style) {
	p.print(p.paint(st, text) + "\n")
}

// row prints a text in one of the two columns, wrapped, with a remark behind its end.
func (p *printer) row(st style, left, right, remark string) {
	var b strings.Builder
	l, r := wrap(left, leftWidth), wrap(right, rightWidth)
	for i := range max(len(l), len(r)) {
		line := p.paint(st, at(l, i)) + strings.Repeat(" ", leftWidth-width(at(l, i))+2) + p.paint(st, at(r, i))
		if remark != "" && i == max(len(l), len(r))-1 {
			line = strings.TrimRight(line, " ") + p.paint(dim, "  ("+remark+")")
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	p.print(b.String())
}

func (p *printer) print(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	// A reader who went away ends the process by SIGPIPE; nothing else can be done here.
	_, _ = io.WriteString(p.out, text)
}

func (p *printer) redirect(out io.Writer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out = out
}
