// Package eventlog owns the event log on NATS JetStream: its streams, their subjects, appends under optimistic
// concurrency, ordered readers, consumers that park what cannot be decided, journals, buckets, leases, timers and sealed
// personal data. It is the only package beside natsd that sees NATS types.
//
// It refuses to know what events mean, to log any payload, and to answer when it does not know: an outcome that cannot be
// settled is es.ErrUnavailable, and what was asked may be asked again.
//
// Order is per connection: everything of one connection lies in one of 64 buckets of every stream. An aggregate has one
// literal subject, because conditional appends on wildcards are not safe on a cluster.
package eventlog
