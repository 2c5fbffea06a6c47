package eventlog

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/es"
	"github.com/hotline-desk/hotline/pkg/seal"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// Profiles is the personal data of customers: one version each, sealed under a key of the customer's own, which in turn
// is sealed under the master key. It is safe for concurrent use.
type Profiles struct {
	log    *Log
	sealer *seal.Sealer
}

// Profiles returns the store of personal data. s holds the master keys.
func (l *Log) Profiles(s *seal.Sealer) *Profiles { return &Profiles{log: l, sealer: s} }

// Put replaces a customer's profile. What was there is overwritten on disk. es.ErrUnavailable; seal.ErrOpen when the
// customer's key was sealed under a master key that is not among ours.
func (p *Profiles) Put(ctx context.Context, connection string, user int64, profile *eventv1.Profile) error {
	if err := tokens(connection); err != nil {
		return err
	}
	plain, err := proto.Marshal(profile)
	if err != nil {
		return errors.New("profile cannot be encoded")
	}
	own, err := p.key(ctx, connection, user, true)
	if err != nil {
		return err
	}
	subject := profileSubject(connection, user)
	box := own.Seal(plain, []byte(subject))
	for {
		former, err := p.log.last(ctx, streamProfiles, subject)
		var expected uint64
		if err == nil {
			expected = former.Sequence
		} else if !errors.Is(err, es.ErrNotFound) {
			return fmt.Errorf("put profile: %w", err)
		}
		seq, err := p.log.append(ctx, streamProfiles, expected, message(ctx, subject, uuid.NewString(), box))
		if errors.Is(err, es.ErrConflict) {
			continue
		}
		if err != nil {
			return fmt.Errorf("put profile: %w", err)
		}
		return p.log.erase(ctx, streamProfiles, subject, seq)
	}
}

// Get returns a customer's profile; es.ErrNotFound, es.ErrUnavailable, seal.ErrOpen.
func (p *Profiles) Get(ctx context.Context, connection string, user int64) (*eventv1.Profile, error) {
	own, err := p.key(ctx, connection, user, false)
	if err != nil {
		return nil, err
	}
	subject := profileSubject(connection, user)
	msg, err := p.log.last(ctx, streamProfiles, subject)
	if err != nil {
		return nil, fmt.Errorf("get profile: %w", err)
	}
	plain, err := own.Open(msg.Data, []byte(subject))
	if err != nil {
		return nil, fmt.Errorf("get profile: %w", err)
	}
	profile := &eventv1.Profile{}
	if err := proto.Unmarshal(plain, profile); err != nil {
		return nil, errors.New("profile cannot be decoded")
	}
	return profile, nil
}

// Erase overwrites a customer's key and profile on disk. A customer without either is no error. es.ErrUnavailable.
func (p *Profiles) Erase(ctx context.Context, connection string, user int64) error {
	const all = ^uint64(0)
	if err := p.log.erase(ctx, streamKeys, keySubject(connection, user), all); err != nil {
		return err
	}
	return p.log.erase(ctx, streamProfiles, profileSubject(connection, user), all)
}

// key returns a sealer under the customer's own key, made on first use if create is set; else es.ErrNotFound.
func (p *Profiles) key(ctx context.Context, connection string, user int64, create bool) (*seal.Sealer, error) {
	subject := keySubject(connection, user)
	for {
		msg, err := p.log.last(ctx, streamKeys, subject)
		if err == nil {
			key, err := p.sealer.Unwrap(msg.Data, []byte(subject))
			if err != nil {
				return nil, fmt.Errorf("key of a profile: %w", err)
			}
			return seal.New(key)
		}
		if !create || !errors.Is(err, es.ErrNotFound) {
			return nil, fmt.Errorf("key of a profile: %w", err)
		}
		key := seal.NewKey()
		box, err := p.sealer.Wrap(key, []byte(subject))
		if err != nil {
			return nil, fmt.Errorf("key of a profile: %w", err)
		}
		_, err = p.log.append(ctx, streamKeys, 0, message(ctx, subject, uuid.NewString(), box))
		if err == nil {
			return seal.New(key)
		}
		if !errors.Is(err, es.ErrConflict) {
			return nil, fmt.Errorf("key of a profile: %w", err)
		}
	}
}

// erase overwrites all messages of a subject before a sequence.
func (l *Log) erase(ctx context.Context, stream, subject string, before uint64) error {
	for {
		msg, err := l.next(ctx, stream, subject, 1)
		if errors.Is(err, es.ErrNotFound) || err == nil && msg.Sequence >= before {
			return nil
		}
		if err != nil {
			return fmt.Errorf("erase: %w", err)
		}
		if err := l.remove(ctx, stream, msg.Sequence, true); err != nil {
			return fmt.Errorf("erase: %w", err)
		}
	}
}

// Secrets keeps what must not be readable on disk, sealed under the master key.
type Secrets struct {
	bucket *Bucket
	sealer *seal.Sealer
}

// Secrets returns the store of secrets. s holds the master keys.
func (l *Log) Secrets(s *seal.Sealer) *Secrets {
	return &Secrets{bucket: l.Bucket(BucketSecrets), sealer: s}
}

// PutToken keeps a connection's bot token. es.ErrUnavailable.
func (s *Secrets) PutToken(ctx context.Context, connection string, token config.Secret) error {
	key, err := keyOf(connection, "token")
	if err != nil {
		return err
	}
	if _, err := s.bucket.Put(ctx, key, s.sealer.Seal([]byte(token.Reveal()), []byte("secrets/"+key))); err != nil {
		return fmt.Errorf("put token: %w", err)
	}
	return nil
}

// Token returns a connection's bot token; es.ErrNotFound, es.ErrUnavailable, seal.ErrOpen.
func (s *Secrets) Token(ctx context.Context, connection string) (config.Secret, error) {
	key, err := keyOf(connection, "token")
	if err != nil {
		return config.Secret{}, err
	}
	box, _, err := s.bucket.Get(ctx, key)
	if err != nil {
		return config.Secret{}, fmt.Errorf("token of %s: %w", connection, err)
	}
	plain, err := s.sealer.Open(box, []byte("secrets/"+key))
	if err != nil {
		return config.Secret{}, fmt.Errorf("token of %s: %w", connection, err)
	}
	return config.NewSecret(string(plain)), nil
}
