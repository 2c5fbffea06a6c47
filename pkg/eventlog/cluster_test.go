package eventlog

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/hotline-desk/hotline/pkg/natsd"
)

// cluster is several servers in this process that find each other on the loopback; one alone is no cluster.
type cluster struct {
	t    *testing.T
	opts []*server.Options
	node []*server.Server
}

func startCluster(t *testing.T, size int) *cluster {
	t.Helper()
	return startClusterAs(t, size, func(int, *server.Options) {})
}

// startClusterAs lets a test change the options of each node first.
func startClusterAs(t *testing.T, size int, adapt func(i int, o *server.Options)) *cluster {
	t.Helper()
	c := &cluster{t: t, node: make([]*server.Server, size)}
	ports := freePorts(t, 2*size)
	for i := range size {
		o := &server.Options{
			ServerName: fmt.Sprintf("n%d", i), Host: "127.0.0.1", Port: ports[i], NoSigs: true, NoLog: true,
			JetStream: true, StoreDir: t.TempDir(), SyncAlways: true, JetStreamMaxMemory: 1 << 26, JetStreamMaxStore: 1 << 32,
		}
		if size > 1 {
			o.Cluster = server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: ports[size+i]}
			for j := range size {
				o.Routes = append(o.Routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", ports[size+j])})
			}
		}
		adapt(i, o)
		c.opts = append(c.opts, o)
	}
	for i := range size {
		c.start(i)
	}
	t.Cleanup(func() {
		for i := range c.node {
			c.kill(i)
		}
	})
	return c
}

func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

func (c *cluster) start(i int) {
	c.t.Helper()
	ns, err := server.NewServer(c.opts[i].Clone())
	if err != nil {
		c.t.Fatal(err)
	}
	ns.Start()
	if !ns.ReadyForConnections(20 * time.Second) {
		c.t.Fatalf("node %d does not start", i)
	}
	c.node[i] = ns
}

func (c *cluster) kill(i int) {
	if c.node[i] != nil {
		c.node[i].Shutdown()
		c.node[i].WaitForShutdown()
		c.node[i] = nil
	}
}

func (c *cluster) restart(i int) {
	c.kill(i)
	c.start(i)
}

// conn connects to all nodes, node i first.
func (c *cluster) conn(i int) *nats.Conn {
	c.t.Helper()
	urls := fmt.Sprintf("nats://127.0.0.1:%d", c.opts[i].Port)
	for j, o := range c.opts {
		if j != i {
			urls += fmt.Sprintf(",nats://127.0.0.1:%d", o.Port)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	nc, err := natsd.Connect(ctx, urls, "", c.t.Name())
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(nc.Close)
	return nc
}

// leader is the node that leads a stream.
func (c *cluster) leader(l *Log, stream string) int {
	c.t.Helper()
	found := -1
	eventually(c.t, "a leader of "+stream, func() bool {
		handle, err := l.js.Stream(context.Background(), stream)
		if err != nil || handle.CachedInfo().Cluster == nil {
			return false
		}
		for i, o := range c.opts {
			if handle.CachedInfo().Cluster.Leader == o.ServerName {
				found = i
			}
		}
		return found >= 0
	})
	return found
}
