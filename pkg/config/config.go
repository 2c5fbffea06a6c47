// Package config owns the settings of every Hotline process: one struct, read once at
// the start from flags, the environment and a file, in this order of precedence.
//
// It refuses to guess: unknown names, values that cannot be right and combinations that
// cannot work are faults, each explained in one line that names the setting and the
// remedy and never shows a secret.
package config

import (
	"net"
	"strings"
)

// Source is how updates are received.
type Source string

// The sources of updates.
const (
	SourcePolling Source = "polling"
	SourceWebhook Source = "webhook"
)

// Durability is when an append to the log is on disk.
type Durability string

// The durabilities: an fsync before every acknowledgement, or one every now and then,
// which risks the last moments before a power cut.
const (
	DurabilityAlways   Durability = "always"
	DurabilityInterval Durability = "interval"
)

// Config is every setting of a process. Empty means "not set" unless said otherwise.
// A Config is not changed after Load; copies share Params.
type Config struct {
	TelegramAPI string     // root of the Bot API, without a slash at the end
	BotToken    Secret     // the frontend bot's token
	Group       int64      // backend group, -100…; 0 when not set
	Owner       int64      // user id of the connection's owner; 0 when not set
	Source      Source     // how updates are received
	WebhookURL  string     // public base URL, without a slash at the end
	Limits      bool       // pace calls by Telegram's limits
	Listen      string     // ops and webhook HTTP server
	GRPCListen  string     // gRPC server
	GRPCTLS     TLS        // for both ends of gRPC
	IngressGRPC string     // host:port where ingress hands out content; empty = GRPCListen
	Data        string     // data directory
	NATSURL     Secret     // empty = embedded server
	NATSCreds   string     // NATS credentials file
	Replicas    int        // copies of every stream on an external NATS cluster
	MongoURI    Secret     // empty = embedded SQLite
	Durability  Durability // of the embedded log
	SealKey     Secret     // master keys (see seal.ParseKeys); empty = made in Data
	LogLevel    string     // debug, info, warn or error
	OTLP        string     // OTLP/HTTP endpoint URL; empty = no traces

	// Params are the initial parameters of the connection, by upper-case name. What they
	// mean is for the connection's owner to check; see Fault.
	Params map[string]string
}

// TLS names the files of mutual TLS: all three, or none.
type TLS struct {
	Cert string // PEM certificate chain
	Key  string // PEM private key
	CA   string // PEM certificates of the authority that signed the peers' certificates
}

// Enabled says whether the files are set.
func (t TLS) Enabled() bool { return t.Cert != "" }

// Secrets returns the values of all secret settings that are set, for redaction.
func (c *Config) Secrets() []string {
	var all []string
	for _, s := range []Secret{c.BotToken, c.NATSURL, c.MongoURI} {
		if s.Set() {
			all = append(all, s.Reveal())
		}
	}
	for word := range strings.FieldsFuncSeq(c.SealKey.Reveal(), isKeySeparator) {
		all = append(all, word)
	}
	return all
}

func isKeySeparator(r rune) bool { return r == ',' || r <= ' ' }

// loopback says whether hostport is reachable from this host only.
func loopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		return false
	}
	return loopbackHost(host)
}

func loopbackHost(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return ip != nil && ip.IsLoopback()
}
