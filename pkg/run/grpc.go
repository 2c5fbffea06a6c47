package run

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime/debug"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/fault"
	"github.com/hotline-desk/hotline/pkg/telemetry"
)

const (
	grpcStop      = 4 * time.Second // for calls under way
	healthEvery   = 250 * time.Millisecond
	keepaliveTime = 30 * time.Second
)

// GRPC is the gRPC server of a process, with the standard health service. Handlers
// return plain errors: those of package fault become a status with their message, the
// others Internal without detail, and the detail is logged.
type GRPC struct {
	server   *grpc.Server
	health   *health.Server
	listener net.Listener
	states   func() []State
	log      *zap.Logger
}

// NewGRPC binds listen. With TLS files both ends must show a certificate of the CA.
// states feeds the health service: it serves when every unit is ready.
func NewGRPC(listen string, files config.TLS, states func() []State, log *zap.Logger) (*GRPC, error) {
	creds, err := credentialsOf(files)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("HOTLINE_GRPC_LISTEN: %w; stop the other program or choose another address", err)
	}
	g := &GRPC{health: health.NewServer(), listener: l, states: states, log: log}
	g.server = grpc.NewServer(
		grpc.Creds(creds),
		grpc.ChainUnaryInterceptor(g.unary),
		grpc.ChainStreamInterceptor(g.stream),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: keepaliveTime / 2, PermitWithoutStream: true}),
	)
	healthpb.RegisterHealthServer(g.server, g.health)
	return g, nil
}

// Registrar is where services are registered, before Run.
func (g *GRPC) Registrar() grpc.ServiceRegistrar { return g.server }

// Addr is the address that is listened on.
func (g *GRPC) Addr() string { return g.listener.Addr().String() }

// Close gives the address up without Run.
func (g *GRPC) Close() error {
	if err := g.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close %s: %w", g.Addr(), err)
	}
	return nil
}

// Run serves until ctx ends, then lets the calls under way finish for a few seconds.
func (g *GRPC) Run(ctx context.Context) error {
	ended := make(chan error, 1)
	go func() { ended <- g.server.Serve(g.listener) }()
	tick := time.NewTicker(healthEvery)
	defer tick.Stop()
	for {
		g.report()
		select {
		case err := <-ended:
			return fmt.Errorf("serve gRPC on %s: %w", g.Addr(), err)
		case <-ctx.Done():
			g.shutdown()
			if err := <-ended; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
				return fmt.Errorf("stop gRPC on %s: %w", g.Addr(), err)
			}
			return nil
		case <-tick.C:
		}
	}
}

// report gives the health service the state of the process.
func (g *GRPC) report() {
	now := healthpb.HealthCheckResponse_SERVING
	for _, s := range g.states() {
		if !s.Ready {
			now = healthpb.HealthCheckResponse_NOT_SERVING
		}
	}
	g.health.SetServingStatus("", now)
	for name := range g.server.GetServiceInfo() {
		g.health.SetServingStatus(name, now)
	}
}

func (g *GRPC) shutdown() {
	g.health.Shutdown()
	hard := time.AfterFunc(grpcStop, g.server.Stop)
	defer hard.Stop()
	g.server.GracefulStop()
}

func (g *GRPC) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
	defer func() { err = g.outcome(info.FullMethod, err, recover()) }()
	return next(traced(ctx), req)
}

func (g *GRPC) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	defer func() { err = g.outcome(info.FullMethod, err, recover()) }()
	return next(srv, &tracedStream{ss, traced(ss.Context())})
}

// outcome decides what the caller gets to know; the log gets the rest.
func (g *GRPC) outcome(method string, err error, panicked any) error {
	if panicked != nil {
		g.log.Error("call panicked", zap.String("method", method), zap.Any("panic", panicked), zap.ByteString("stack", debug.Stack()))
		return status.Error(codes.Internal, string(fault.Internal))
	}
	if err == nil {
		return nil
	}
	if _, own := fault.As(err); !own {
		if s, ok := status.FromError(err); ok && s.Code() == codes.Unimplemented {
			return err // of the generated server: a method that we do not have
		}
	}
	if fault.Is(err, fault.Internal) {
		g.log.Error("call failed", zap.String("method", method), zap.Error(err))
	}
	return fault.Status(err)
}

type tracedStream struct {
	grpc.ServerStream
	ctx context.Context // of one call: how gRPC hands a changed context to a stream's handler
}

// Context returns the call's context with the caller's trace.
func (s *tracedStream) Context() context.Context { return s.ctx }

func traced(ctx context.Context) context.Context {
	md, ok := metadata.FromIncomingContext(ctx)
	if !ok {
		return ctx
	}
	return telemetry.Extract(ctx, telemetry.Carrier(md))
}

// Dial prepares a connection to a peer's gRPC address; it connects when it is used, and
// again after every loss. Calls wait for the connection as long as their context lets
// them, carry the trace context, and return errors of package fault. Close it.
func Dial(addr string, files config.TLS) (*grpc.ClientConn, error) {
	creds, err := credentialsOf(files)
	if err != nil {
		return nil, err
	}
	conn, err := grpc.NewClient("dns:///"+addr,
		grpc.WithTransportCredentials(creds),
		grpc.WithDefaultCallOptions(grpc.WaitForReady(true)),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepaliveTime, Timeout: keepaliveTime / 3}),
		grpc.WithChainUnaryInterceptor(callUnary),
	)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	return conn, nil
}

func callUnary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, next grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	c := telemetry.Carrier{}
	telemetry.Inject(ctx, c)
	for k := range c {
		ctx = metadata.AppendToOutgoingContext(ctx, k, c.Get(k))
	}
	return fault.FromStatus(next(ctx, method, req, reply, cc, opts...))
}

// credentialsOf serves both ends: each shows its certificate and checks the other's.
func credentialsOf(files config.TLS) (credentials.TransportCredentials, error) {
	if !files.Enabled() {
		return insecure.NewCredentials(), nil
	}
	pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		return nil, fmt.Errorf("HOTLINE_GRPC_TLS_CERT, HOTLINE_GRPC_TLS_KEY: %w", err)
	}
	pem, err := os.ReadFile(files.CA)
	if err != nil {
		return nil, fmt.Errorf("HOTLINE_GRPC_TLS_CA: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("HOTLINE_GRPC_TLS_CA: %s holds no certificate", files.CA)
	}
	return credentials.NewTLS(&tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{pair},
		RootCAs:      pool,
		ClientCAs:    pool,
		ClientAuth:   tls.RequireAndVerifyClientCert,
	}), nil
}
