package eventlog

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

// sieve stands before a node's cluster port and lets only those messages between nodes through that it is told to.
type sieve struct {
	listener net.Listener
	target   string
	holds    atomic.Pointer[func(toNode bool, fields [][]byte) bool]
	mu       sync.Mutex
	conns    []net.Conn
	done     sync.WaitGroup
}

func newSieve(t *testing.T) *sieve {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sieve{listener: listener}
	t.Cleanup(s.close)
	return s
}

// hold makes it swallow messages, given as the words of the protocol's control line. nil: none.
func (s *sieve) hold(f func(toNode bool, fields [][]byte) bool) {
	if f == nil {
		s.holds.Store(nil)
		return
	}
	s.holds.Store(&f)
}

func (s *sieve) port() int { return s.listener.Addr().(*net.TCPAddr).Port }

func (s *sieve) run() { s.done.Go(s.accept) }

func (s *sieve) accept() {
	for {
		other, err := s.listener.Accept()
		if err != nil {
			return
		}
		node, err := net.Dial("tcp", s.target)
		if err != nil {
			other.Close() // the node is down
			continue
		}
		s.mu.Lock()
		s.conns = append(s.conns, other, node)
		s.mu.Unlock()
		s.done.Go(func() { s.pass(node, other, true) })
		s.done.Go(func() { s.pass(other, node, false) })
	}
}

// pass copies until either side ends, which ends both.
func (s *sieve) pass(to, from net.Conn, toNode bool) {
	defer to.Close()
	defer from.Close()
	for in := bufio.NewReaderSize(from, 1<<16); ; {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		frame, fields := line, bytes.Fields(line)
		if len(fields) > 2 && (string(fields[0]) == "RMSG" || string(fields[0]) == "HMSG") {
			size, err := strconv.Atoi(string(fields[len(fields)-1]))
			if err != nil {
				return
			}
			frame = append(line, make([]byte, size+2)...)
			if _, err := io.ReadFull(in, frame[len(line):]); err != nil {
				return
			}
			if f := s.holds.Load(); f != nil && (*f)(toNode, fields) {
				continue
			}
		}
		if _, err := to.Write(frame); err != nil {
			return
		}
	}
}

func (s *sieve) close() {
	s.listener.Close()
	s.mu.Lock()
	for _, c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	s.done.Wait()
}
