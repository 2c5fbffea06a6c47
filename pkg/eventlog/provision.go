package eventlog

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
)

// ErrStream: a stream exists in a shape that the log cannot use and will not change. Repair it by hand.
var ErrStream = errors.New("stream does not fit")

// provision makes one stream, or takes the existing one. Whatever an existing stream keeps longer or guards better than
// asked for stays so.
func provision(ctx context.Context, js jetstream.JetStream, want jetstream.StreamConfig) (jetstream.Stream, error) {
	have, err := js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		made, err := js.CreateStream(ctx, want)
		if !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			return made, err
		}
		have, err = js.Stream(ctx, want.Name) // another process was first
		if err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	merged, changed, err := strengthen(have.CachedInfo().Config, want)
	if err != nil || !changed {
		return have, err
	}
	return js.UpdateStream(ctx, merged)
}

// strengthen is the existing configuration with everything that is weaker than wanted made as strong as wanted.
func strengthen(have, want jetstream.StreamConfig) (jetstream.StreamConfig, bool, error) {
	if have.Storage != want.Storage || have.Retention != want.Retention || have.Mirror != nil || len(have.Sources) > 0 {
		return have, false, fmt.Errorf("%s: storage, retention or origin: %w", want.Name, ErrStream)
	}
	if have.Sealed || have.MaxMsgs > 0 || have.MaxBytes > 0 || have.SubjectTransform != nil {
		return have, false, fmt.Errorf("%s: sealed, transformed or limited in size: %w", want.Name, ErrStream)
	}
	if normal(have.MaxMsgsPerSubject) != normal(want.MaxMsgsPerSubject) {
		return have, false, fmt.Errorf("%s: %d messages a subject: %w", want.Name, have.MaxMsgsPerSubject, ErrStream)
	}
	changed := false
	raise := func(have *bool, want bool) {
		if want && !*have {
			*have, changed = true, true
		}
	}
	raise(&have.DenyDelete, want.DenyDelete)
	raise(&have.DenyPurge, want.DenyPurge)
	raise(&have.AllowMsgTTL, want.AllowMsgTTL)
	raise(&have.AllowMsgSchedules, want.AllowMsgSchedules)
	raise(&have.AllowRollup, want.AllowRollup)
	for _, subject := range want.Subjects {
		if !slices.Contains(have.Subjects, subject) {
			have.Subjects, changed = append(slices.Clone(have.Subjects), subject), true
		}
	}
	if have.MaxAge > 0 && (want.MaxAge == 0 || have.MaxAge < want.MaxAge) {
		have.MaxAge, changed = want.MaxAge, true
	}
	if have.Replicas < want.Replicas {
		have.Replicas, changed = want.Replicas, true
	}
	if direct := have.Replicas == 1; have.AllowDirect != direct {
		have.AllowDirect, changed = direct, true
	}
	if have.Duplicates < want.Duplicates {
		have.Duplicates, changed = want.Duplicates, true
	}
	return have, changed, nil
}

// normal maps both ways of writing "no limit" to one.
func normal(limit int64) int64 { return max(limit, 0) }
