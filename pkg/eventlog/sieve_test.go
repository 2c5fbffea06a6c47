package eventlog

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
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

// laggard is a cluster whose last node can be kept from hearing of what is appended to a stream, though it lives on.
type laggard struct {
	*cluster
	sieve *sieve
	log   *Log // connected to another node
}

const laggardNode = 2

func startLaggard(t *testing.T) *laggard {
	t.Helper()
	s := newSieve(t)
	lag := &laggard{sieve: s}
	lag.cluster = startClusterAs(t, 3, func(i int, o *server.Options) {
		o.Cluster.PoolSize, o.Cluster.Compression.Mode = -1, server.CompressionOff // frames that can be read
		if i == laggardNode {
			s.target = fmt.Sprintf("127.0.0.1:%d", o.Cluster.Port)
			o.Cluster.Advertise = s.listener.Addr().String()
			s.run()
		}
		o.Routes[laggardNode] = &url.URL{Scheme: "nats", Host: s.listener.Addr().String()}
		if i == laggardNode {
			o.Routes = o.Routes[laggardNode:] // the others come to it, through the sieve
		}
	})
	eventually(t, "a leader of the cluster", func() bool {
		if lag.node[laggardNode].JetStreamIsLeader() {
			lag.restart(laggardNode) // it would place the consumers, on itself for choice
		}
		return lag.node[0].JetStreamIsLeader() || lag.node[1].JetStreamIsLeader()
	})
	nc, err := nats.Connect(lag.node[0].ClientURL(), nats.IgnoreDiscoveredServers())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	lag.log = openOn(t, nc, 3)
	return lag
}

// stall keeps the laggard from hearing of the streams' appends, and the others from hearing that it wants to lead.
func (lag *laggard) stall(streams ...string) {
	lag.t.Helper()
	var held []string
	for _, stream := range streams {
		eventually(lag.t, "a leader that is not to be stalled", func() bool {
			if lag.leader(lag.log, stream) != laggardNode {
				return true
			}
			_, err := lag.log.nc.Request("$JS.API.STREAM.LEADER.STEPDOWN."+stream, nil, requestTimeout)
			if err != nil {
				lag.t.Log(err)
			}
			return false
		})
		group := lag.group(stream)
		held = append(held, "$NRG.AE."+group, "$NRG.V."+group)
	}
	lag.sieve.hold(func(_ bool, fields [][]byte) bool {
		return slices.ContainsFunc(fields, func(f []byte) bool { return slices.Contains(held, string(f)) })
	})
}

// group is the name of the stream's Raft group.
func (lag *laggard) group(stream string) string {
	lag.t.Helper()
	info, err := lag.node[laggardNode].Jsz(&server.JSzOptions{Streams: true, RaftGroups: true})
	if err != nil {
		lag.t.Fatal(err)
	}
	for _, account := range info.AccountDetails {
		for _, detail := range account.Streams {
			if detail.Name == stream {
				return detail.RaftGroup
			}
		}
	}
	lag.t.Fatalf("%s is not on node %d", stream, laggardNode)
	return ""
}

// settle waits until the laggard knows of all consumers there are: the cluster places new ones on nodes that do.
func (lag *laggard) settle() {
	lag.t.Helper()
	name := lag.opts[laggardNode].ServerName
	eventually(lag.t, "the laggard is told of the consumers", func() bool {
		return slices.ContainsFunc(lag.node, func(ns *server.Server) bool {
			info, err := ns.Jsz(nil)
			return err == nil && info.Meta != nil && slices.ContainsFunc(info.Meta.Replicas, func(p *server.PeerInfo) bool {
				return p.Name == name && p.Current && p.Lag == 0
			})
		})
	})
}

// serves tells whether the laggard serves any consumer of a stream.
func (lag *laggard) serves(stream string) bool {
	serves := false
	list := lag.log.streams[stream].ListConsumers(lag.t.Context())
	for info := range list.Info() {
		serves = serves || info.Cluster != nil && info.Cluster.Leader == lag.opts[laggardNode].ServerName
	}
	if list.Err() != nil {
		lag.t.Log(list.Err())
	}
	return serves
}
