package ingress

import (
	"context"
	"errors"
	"hash/maphash"
	"strconv"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/hotline-desk/hotline/pkg/es"
	"github.com/hotline-desk/hotline/pkg/telemetry"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// knownProfiles is how many customers' profiles are known to be stored without asking: about 100 bytes each.
const knownProfiles = 20_000

type profileKey struct {
	connection string
	user       int64
}

func (k profileKey) text() string { return k.connection + "/" + strconv.FormatInt(k.user, 10) }

// intake brings readings into the log: what the message says and the profile first, then the fact.
type intake struct {
	log      Log
	profiles Profiles
	logger   *zap.Logger
	metrics  *metrics
	tracer   trace.Tracer
	seed     maphash.Seed
	known    *lru.Cache[profileKey, uint64] // hashes of stored profiles, phones and titles left out
	turns    turns                          // a profile is changed by one at a time
	contents *contentStore
}

func newIntake(deps Deps, m *metrics, held *contentStore) (*intake, error) {
	known, err := lru.New[profileKey, uint64](knownProfiles)
	if err != nil {
		return nil, err
	}
	return &intake{
		log: deps.Log, profiles: deps.Profiles, logger: deps.Logger, metrics: m, tracer: telemetry.TracerOrNone(deps.Tracer),
		seed: maphash.MakeSeed(), known: known, turns: turns{lines: map[string][]chan struct{}{}}, contents: held,
	}, nil
}

// take returns nil when nothing of the update is left to be done. After an error the same update is to be taken again.
func (in *intake) take(ctx context.Context, r reading, received time.Time) error {
	if r.fact != nil {
		if err := in.publish(ctx, r); err != nil {
			return err
		}
		in.metrics.published(received)
	}
	in.metrics.update(r)
	return nil
}

// publish begins the trace of a message's life.
func (in *intake) publish(ctx context.Context, r reading) error {
	ctx, span := telemetry.Publish(ctx, in.tracer, r.fact)
	defer span.End()
	in.keepContent(r)
	err := errors.Join(in.keepProfile(ctx, r), in.keepTitle(ctx, r))
	if err == nil {
		_, err = in.log.PublishFact(ctx, r.fact, r.place)
	}
	if err != nil {
		span.SetStatus(codes.Error, "not published")
	}
	return err
}

// keepProfile stores a profile that is new or changed. What cannot be stored, while the log answers, must not hold the
// message up: without a profile the customer's id is the title.
func (in *intake) keepProfile(ctx context.Context, r reading) error {
	if r.profile == nil {
		return nil
	}
	key, sum := profileKey{r.fact.GetConnection(), r.user}, in.sum(r.profile)
	if known, ok := in.known.Get(key); ok && known == sum && r.profile.GetPhone() == "" {
		return nil
	}
	err := in.storeProfile(ctx, key, r.profile)
	if err == nil {
		in.known.Add(key, sum)
		return nil
	}
	return in.withoutProfile(ctx, key.user, err)
}

// withoutProfile returns the error of a profile that was not stored if it is to be tried again.
func (in *intake) withoutProfile(ctx context.Context, customer int64, err error) error {
	if err == nil || errors.Is(err, es.ErrUnavailable) || ctx.Err() != nil {
		return err
	}
	in.metrics.profile("lost")
	in.logger.Warn("a profile could not be stored", zap.Int64("customer", customer), zap.Error(err))
	return nil
}

// storedProfile returns nil when there is none, or it cannot be opened any more.
func (in *intake) storedProfile(ctx context.Context, key profileKey) (*eventv1.Profile, error) {
	stored, err := in.profiles.Get(ctx, key.connection, key.user)
	switch {
	case err == nil:
		return stored, nil
	case errors.Is(err, es.ErrUnavailable) || ctx.Err() != nil:
		return nil, err
	}
	return nil, nil
}

func (in *intake) storeProfile(ctx context.Context, key profileKey, p *eventv1.Profile) error {
	leave, err := in.turns.enter(ctx, key.text())
	if err != nil {
		return err
	}
	defer leave()
	stored, err := in.storedProfile(ctx, key)
	if err != nil {
		return err
	}
	if p.GetPhone() == "" {
		p.Phone = stored.GetPhone() // it was shared earlier
	}
	p.Title = stored.GetTitle() // the team's
	if stored != nil && proto.Equal(stored, p) {
		return nil
	}
	if err := in.profiles.Put(ctx, key.connection, key.user, p); err != nil {
		return err
	}
	in.metrics.profile("written")
	return nil
}

// keepContent holds what relay may ask for as soon as it reads the fact.
func (in *intake) keepContent(r reading) {
	if r.content == nil {
		return
	}
	c := r.fact.GetCause()
	key := contentKey{r.fact.GetConnection(), c.GetChat(), c.GetMessage()}
	for range in.contents.put(key, r.fact.GetAt().GetSeconds(), r.content) {
		in.metrics.content("lost")
	}
}

func (in *intake) sum(p *eventv1.Profile) uint64 {
	var h maphash.Hash
	h.SetSeed(in.seed)
	for _, part := range []string{p.GetFirstName(), p.GetLastName(), p.GetUsername(), p.GetLanguage()} {
		_, _ = h.WriteString(part) // never fails
		_ = h.WriteByte(0)
	}
	return h.Sum64()
}
