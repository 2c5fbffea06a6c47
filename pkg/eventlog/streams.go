package eventlog

import (
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const day = 24 * time.Hour

// Buckets that exist; Log.Bucket takes no others.
const (
	BucketConnections = "connections"
	BucketSecrets     = "secrets"
	BucketTopics      = "topics"
	BucketLeases      = "leases"
)

// streams is every stream of the log. Reads must be the leader's, so direct gets, which a lagging follower may answer, are
// for streams without followers. TIMERS has no age limit, since that would drop timers that are not due yet; what was due goes by TTL.
func streams(replicas int) []jetstream.StreamConfig {
	all := []jetstream.StreamConfig{
		{Name: streamInbox, Subjects: []string{"in.>"}, MaxAge: 30 * day},
		{Name: streamDesk, Subjects: []string{"desk.>"}, DenyDelete: true, DenyPurge: true},
		{Name: streamOutbox, Subjects: []string{"out.>"}, AllowMsgTTL: true},
		{Name: streamTimers, Subjects: []string{"timer.set.>", "timer.due.>"}, MaxMsgsPerSubject: 1,
			AllowMsgSchedules: true, AllowMsgTTL: true},
		{Name: streamParked, Subjects: []string{"parked.>"}},
		// An overwritten version would stay on disk, so writers erase the former one themselves; hence no limit here.
		{Name: streamProfiles, Subjects: []string{"profile.>"}},
		{Name: streamKeys, Subjects: []string{"key.>"}},
	}
	for _, name := range []string{BucketConnections, BucketSecrets, BucketTopics, BucketLeases} {
		all = append(all, jetstream.StreamConfig{
			Name: kvStream(name), Subjects: []string{kvSubject(name, ">")}, MaxMsgsPerSubject: 1,
			AllowRollup: true, DenyDelete: true,
		})
	}
	for i := range all {
		all[i].Replicas = replicas
		all[i].AllowDirect = replicas == 1
		all[i].MaxConsumers = maxConsumers
		all[i].Storage = jetstream.FileStorage
		all[i].Retention = jetstream.LimitsPolicy
		if !all[i].AllowMsgSchedules { // which the server refuses to combine
			all[i].Discard = jetstream.DiscardNew
		}
		all[i].Duplicates = dedupWindow
	}
	return all
}

// maxConsumers of a stream: every connection has an ordered reader, and the server's default is a thousand.
const maxConsumers = 1 << 17

// dedupWindow is a help against repeated publishes, never what correctness rests on.
const dedupWindow = 2 * time.Minute

// kvStream and kvSubject follow the layout of NATS key-value buckets, so that its tools can read them.
func kvStream(bucket string) string       { return "KV_" + bucket }
func kvSubject(bucket, key string) string { return "$KV." + bucket + "." + key }
