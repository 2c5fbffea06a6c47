package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/hotline-desk/hotline/services/simulator"
)

const talkHelp = `Your turn.  c: text   writes as the customer        o: text   writes as the operator
            o: / text is a comment   o: /close  o: /hold  o: /wait  o: /open   help   quit`

// talk lets whoever sits at the terminal play both parts, until quit or ctx ends.
func (s *stage) talk(ctx context.Context) (err error) {
	// Opened anew, so that a read can be interrupted, and with it nothing of the shell's.
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("open the terminal: %w", err)
	}
	defer func() { err = errors.Join(err, tty.Close()) }()
	restore, err := raw(tty)
	if err != nil {
		return fmt.Errorf("prepare the terminal: %w", err)
	}
	defer func() { err = errors.Join(err, restore()) }()
	out := s.show.out
	line := term.NewTerminal(tty, "> ")
	s.show.redirect(line)
	defer s.show.redirect(out)
	defer context.AfterFunc(ctx, func() {
		// A terminal that knows no deadlines is read until the next key.
		_ = tty.SetReadDeadline(time.Now())
	})()
	return s.lines(ctx, line)
}

// raw hands the keys over one by one. The descriptor is not taken out of the file, which
// would make reads of it uninterruptible.
func raw(tty *os.File) (restore func() error, err error) {
	conn, err := tty.SyscallConn()
	if err != nil {
		return nil, err
	}
	var before *term.State
	var failed error
	if err := conn.Control(func(fd uintptr) { before, failed = term.MakeRaw(int(fd)) }); err != nil || failed != nil {
		return nil, errors.Join(err, failed)
	}
	return func() error {
		var failed error
		err := conn.Control(func(fd uintptr) { failed = term.Restore(int(fd), before) })
		return errors.Join(err, failed)
	}, nil
}

// lines obeys what is typed.
func (s *stage) lines(ctx context.Context, line *term.Terminal) error {
	s.show.plain("\n"+talkHelp, dim)
	for {
		text, err := line.ReadLine()
		switch {
		case ctx.Err() != nil, errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read the terminal: %w", err)
		}
		if !s.obey(strings.TrimSpace(text)) {
			return nil
		}
	}
}

// obey does what one line asks for; false ends the talk.
func (s *stage) obey(text string) bool {
	who, rest, ok := strings.Cut(text, ":")
	rest = strings.TrimSpace(rest)
	switch who = strings.ToLower(strings.TrimSpace(who)); {
	case text == "":
	case text == "quit" || text == "exit":
		return false
	case ok && who == "c" && rest != "":
		s.ada.Send(simulator.Text(rest))
	case ok && who == "o" && rest != "":
		if _, err := s.grace.TrySendIn(s.topicID(), simulator.Text(rest)); err != nil {
			s.show.plain("Telegram refuses: "+err.Error(), dim)
		}
	default:
		s.show.plain(talkHelp, dim)
	}
	return true
}
