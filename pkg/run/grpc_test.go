package run

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/fault"
)

// probe is a service with one method, in the shape that generated code has.
type probe struct {
	answer func(ctx context.Context) error
}

func (p *probe) register(r grpc.ServiceRegistrar) {
	r.RegisterService(&grpc.ServiceDesc{
		ServiceName: "test.Probe",
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "Do", Handler: func(_ any, ctx context.Context, dec func(any) error, next grpc.UnaryServerInterceptor) (any, error) {
			in := &healthpb.HealthCheckRequest{}
			if err := dec(in); err != nil {
				return nil, err
			}
			return next(ctx, in, &grpc.UnaryServerInfo{FullMethod: "/test.Probe/Do"}, func(ctx context.Context, _ any) (any, error) {
				return &healthpb.HealthCheckResponse{}, p.answer(ctx)
			})
		}}},
	}, p)
}

func serve(t *testing.T, files config.TLS, ready *atomic.Bool, p *probe) (addr string, stop func()) {
	t.Helper()
	states := func() []State { return []State{{Name: "x", Ready: ready.Load()}} }
	g, err := NewGRPC("127.0.0.1:0", files, states, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	p.register(g.Registrar())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	return g.Addr(), func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func dial(t *testing.T, addr string, files config.TLS) *grpc.ClientConn {
	t.Helper()
	conn, err := Dial(addr, files)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func do(ctx context.Context, conn *grpc.ClientConn) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return conn.Invoke(ctx, "/test.Probe/Do", &healthpb.HealthCheckRequest{}, &healthpb.HealthCheckResponse{})
}

func TestGRPCFaultsCrossTheEdge(t *testing.T) {
	var ready atomic.Bool
	p := &probe{}
	addr, stop := serve(t, config.TLS{}, &ready, p)
	defer stop()
	conn := dial(t, addr, config.TLS{})
	for name, tc := range map[string]struct {
		answer func() error
		code   fault.Code
		msg    string
	}{
		"fine":  {func() error { return nil }, "", ""},
		"fault": {func() error { return fault.New(fault.NotFound, "no such dialog") }, fault.NotFound, "no such dialog"},
		"plain": {func() error { return errors.New("password=1") }, fault.Internal, "internal"},
		"panic": {func() error { panic("password=1") }, fault.Internal, "internal"},
	} {
		p.answer = func(context.Context) error { return tc.answer() }
		err := do(t.Context(), conn)
		if fault.CodeOf(err) != tc.code || fault.Message(err) != tc.msg {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "password") {
			t.Errorf("%s: detail crossed: %v", name, err)
		}
	}
}

func TestGRPCCarriesTheTrace(t *testing.T) {
	var ready atomic.Bool
	var got trace.SpanContext
	p := &probe{answer: func(ctx context.Context) error { got = trace.SpanContextFromContext(ctx); return nil }}
	addr, stop := serve(t, config.TLS{}, &ready, p)
	defer stop()
	sent := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{7}, SpanID: trace.SpanID{8}})
	if err := do(trace.ContextWithSpanContext(t.Context(), sent), dial(t, addr, config.TLS{})); err != nil {
		t.Fatal(err)
	}
	if got.TraceID() != sent.TraceID() {
		t.Errorf("trace %v arrived as %v", sent.TraceID(), got.TraceID())
	}
}

func TestGRPCHealthFollowsReadiness(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	var ready atomic.Bool
	addr, stop := serve(t, config.TLS{}, &ready, &probe{})
	defer stop()
	conn, err := Dial(addr, config.TLS{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := healthpb.NewHealthClient(conn)
	for _, want := range []bool{false, true, false} {
		ready.Store(want)
		await(t, func() bool {
			resp, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{Service: "test.Probe"})
			return err == nil && (resp.GetStatus() == healthpb.HealthCheckResponse_SERVING) == want
		})
	}
}

func TestGRPCCallUnderWayIsFinished(t *testing.T) {
	var ready atomic.Bool
	entered, leave := make(chan struct{}), make(chan struct{})
	addr, stop := serve(t, config.TLS{}, &ready, &probe{answer: func(context.Context) error { close(entered); <-leave; return nil }})
	conn := dial(t, addr, config.TLS{})
	answer := make(chan error, 1)
	go func() { answer <- do(t.Context(), conn) }()
	<-entered
	time.AfterFunc(20*time.Millisecond, func() { close(leave) })
	stop()
	if err := <-answer; err != nil {
		t.Errorf("the call was cut off: %v", err)
	}
}

func TestGRPCMutualTLS(t *testing.T) {
	dir := t.TempDir()
	ours, theirs := authority(t, dir, "ours"), authority(t, dir, "theirs")
	var ready atomic.Bool
	addr, stop := serve(t, ours, &ready, &probe{answer: func(context.Context) error { return nil }})
	defer stop()
	if err := do(t.Context(), dial(t, addr, ours)); err != nil {
		t.Errorf("a peer of the same authority: %v", err)
	}
	mixed := theirs
	mixed.CA = ours.CA // trusts us, but we have no reason to trust it
	for name, files := range map[string]config.TLS{"no TLS": {}, "foreign": theirs, "foreign certificate": mixed} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		if err := do(ctx, dial(t, addr, files)); err == nil {
			t.Errorf("%s: was served", name)
		}
		cancel()
	}
	if _, err := Dial(addr, config.TLS{Cert: ours.Key, Key: ours.Key, CA: ours.CA}); err == nil || !strings.Contains(err.Error(), "HOTLINE_GRPC_TLS_CERT") {
		t.Errorf("a bad certificate: %v", err)
	}
	if _, err := Dial(addr, config.TLS{Cert: ours.Cert, Key: ours.Key, CA: ours.Key}); err == nil || !strings.Contains(err.Error(), "HOTLINE_GRPC_TLS_CA") {
		t.Errorf("a bad authority: %v", err)
	}
}

// authority makes a CA and a certificate for 127.0.0.1 under it.
func authority(t *testing.T, dir, name string) config.TLS {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	write := func(kind, label string, der []byte, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name+"-"+kind+".pem")
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &key.PublicKey, key)
	files := config.TLS{CA: write("ca", "CERTIFICATE", caDER, err)}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, key)
	files.Cert = write("cert", "CERTIFICATE", leafDER, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	files.Key = write("key", "PRIVATE KEY", keyDER, err)
	return files
}

// await polls until ok, or fails the test after ten seconds.
func await(t *testing.T, ok func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatal("did not happen")
		case <-tick.C:
		}
	}
}
