package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/seal"
	"github.com/hotline-desk/hotline/pkg/telemetry"
)

// closeTime bounds what follows the stop of the units: the last traces.
const closeTime = time.Second

// Process is what every process has once its settings are read: the means to report, the
// locked data directory, the ops server and the group of its units. Wiring adds units to
// Group; Ops is its first unit, so it answers until everything else has stopped.
type Process struct {
	*telemetry.Telemetry
	Name   string
	Config *config.Config
	Data   *Data
	Ops    *Ops
	Group  *Group
}

// Open prepares a process. On success the caller ends it with Run, or with Close when
// wiring fails.
func Open(ctx context.Context, name string, c *config.Config, stderr io.Writer) (*Process, error) {
	data, err := OpenData(c.Data)
	if err != nil {
		return nil, err
	}
	p := &Process{Name: name, Config: c, Data: data}
	p.Telemetry, err = telemetry.New(ctx, telemetry.Options{
		Service: name, Version: Version(), Instance: data.Instance,
		Level: c.LogLevel, Output: stderr, Secrets: c.Secrets(), OTLP: c.OTLP,
	})
	if err != nil {
		return nil, errors.Join(err, data.Close())
	}
	p.Group = NewGroup(p.Log.Named("run"))
	p.Ops, err = NewOps(c.Listen, p.Group.Ready, p.MetricsHandler(), p.Log)
	if err != nil {
		return nil, errors.Join(err, p.Telemetry.Close(ctx), data.Close())
	}
	p.Group.Add(Unit{Name: "ops", Run: p.Ops.Run, Close: p.Ops.Close})
	return p, nil
}

// ServeGRPC binds HOTLINE_GRPC_LISTEN and adds the gRPC server to Group. It belongs after
// what its handlers need and before the units that call it, since it stops in between.
func (p *Process) ServeGRPC() (*GRPC, error) {
	g, err := NewGRPC(p.Config.GRPCListen, p.Config.GRPCTLS, p.Group.Ready, p.Log.Named("grpc"))
	if err != nil {
		return nil, err
	}
	p.Group.Add(Unit{Name: "grpc", Run: g.Run, Close: g.Close})
	return g, nil
}

// Sealer seals under HOTLINE_SEAL_KEY, or under a key that is kept in the data directory.
func (p *Process) Sealer() (*seal.Sealer, error) {
	var keys []seal.Key
	var err error
	if p.Config.SealKey.Set() {
		keys, err = seal.ParseKeys(p.Config.SealKey.Reveal())
	} else {
		keys, err = seal.LoadOrCreate(filepath.Join(p.Data.Path, "seal.key"))
	}
	if err != nil {
		return nil, fmt.Errorf("HOTLINE_SEAL_KEY: %w", err)
	}
	return seal.New(keys...)
}

// Run runs the group until ctx ends or a unit stops it, and closes the process.
func (p *Process) Run(ctx context.Context) error {
	p.Log.Info("starting", zap.String("version", Version()), zap.String("instance", p.Data.Instance),
		zap.String("listen", p.Ops.Addr()), zap.String("data", p.Data.Path))
	err := p.Group.Run(ctx)
	if err != nil {
		p.Log.Error("stopped", zap.Error(err))
	} else {
		p.Log.Info("stopped")
	}
	return errors.Join(err, p.release())
}

// Close gives up what Open and the wiring took, instead of Run.
func (p *Process) Close() error {
	return errors.Join(p.Group.Close(), p.release())
}

func (p *Process) release() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	if err := p.Telemetry.Close(ctx); err != nil {
		p.Log.Warn("close", zap.Error(err)) // traces are not worth an exit code
	}
	return p.Data.Close()
}
