package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// Need is what a process cannot start without, beyond what every process needs.
type Need uint

// The needs; combine them with |.
const (
	NeedBot  Need = 1 << iota // a token and a group
	NeedNATS                  // a NATS server of its own: services that run apart
	NeedSeal                  // a master key shared with other processes
)

// Bind adds a flag for every setting to fs.
func Bind(fs *pflag.FlagSet) {
	for _, s := range Settings() {
		switch {
		case s.Key == paramsKey:
			fs.StringArray(s.Flag, nil, s.Help)
			continue
		case s.Secret:
			fs.String(s.Flag, "", s.Help+" (better from a file: arguments can be seen by others)")
			fs.String(s.Flag+"-file", "", "file with "+s.Env)
			continue
		}
		// The default is only shown: Load knows it, and takes flags that were given.
		fs.String(s.Flag, s.Default, s.Help)
	}
}

// Load reads the settings from the flags that were given (fs may be nil, and may hold
// other flags), the environment (as of os.Environ) and the file that either names, and
// checks them for what the process needs. The error is a Faults.
func Load(fs *pflag.FlagSet, environ []string, need Need) (*Config, error) {
	l := &loader{table: settings(), origin: map[string]string{}, broken: map[string]bool{}, merged: koanf.New("/")}
	env, flags := l.environment(environ), l.flags(fs)
	path := env["config"]
	if flags["config"] != "" {
		path = flags["config"]
	}
	layers := []layer{{"default", l.defaults()}}
	if path != "" {
		layers = append(layers, layer{"in " + path, l.file(path)})
	}
	layers = append(layers, layer{"", env}, layer{"flag", flags})
	for _, ly := range layers {
		l.merge(ly)
	}
	c := l.parse()
	l.check(c, need)
	if err := l.faults.Err(); err != nil {
		return nil, err
	}
	return c, nil
}

// layer is the values of one origin by key; parameters have the key param.<NAME>.
type layer struct {
	origin string
	values map[string]string
}

type loader struct {
	table  []setting
	merged *koanf.Koanf
	origin map[string]string // where the merged value of a key came from
	broken map[string]bool   // settings that have a fault already
	faults Faults
}

func (l *loader) defaults() map[string]string {
	values := map[string]string{}
	for _, s := range l.table {
		values[s.Key] = s.Default
	}
	return values
}

// merge lays a layer over the ones before it. Empty values are as good as none, so that
// a template with blanks (compose files have them) does no harm.
func (l *loader) merge(ly layer) {
	l.readSecrets(ly)
	values := map[string]any{}
	for key, v := range ly.values {
		if v != "" {
			values[key] = v
			l.origin[key] = ly.origin
		}
	}
	if err := l.merged.Load(confmap.Provider(values, ""), nil); err != nil {
		l.faults.add("settings", err.Error(), "")
	}
}

// parse turns the merged values into a Config, fault by fault.
func (l *loader) parse() *Config {
	c := &Config{Params: map[string]string{}}
	for _, s := range l.table {
		v := strings.TrimSpace(l.merged.String(s.Key))
		if v == "" {
			continue
		}
		if t := s.parse(c, v); t != nil {
			l.broken[s.Key] = true
			l.faults.add(l.name(s.Setting), t.problem, t.remedy)
		}
	}
	keys := l.merged.Keys()
	slices.Sort(keys)
	for _, key := range keys {
		name, ok := strings.CutPrefix(key, paramPrefix)
		if !ok {
			continue
		}
		if !paramShape.MatchString(name) {
			l.faults.add(envPrefix+"PARAM_"+name, "is not a parameter's name", "use capital letters, digits and _")
			continue
		}
		c.Params[name] = l.merged.String(key)
	}
	return c
}

// name is how a fault names a setting: by its environment name, whatever set it.
func (l *loader) name(s Setting) string {
	switch origin := l.origin[s.Key]; origin {
	case "", "default":
		return s.Env
	case "flag":
		return fmt.Sprintf("%s (--%s)", s.Env, s.Flag)
	default:
		return fmt.Sprintf("%s (%s)", s.Env, origin)
	}
}

// check looks at settings together, and at what is missing.
func (l *loader) check(c *Config, need Need) {
	if need&NeedBot != 0 {
		l.require(c.BotToken.Set(), "bot_token", "set it to the token that @BotFather gave you, or HOTLINE_BOT_TOKEN_FILE to a file with it")
		l.require(c.Group != 0, "group", "set it to the id of the team's group, a number that begins with -100")
	}
	if need&NeedNATS != 0 {
		l.require(c.NATSURL.Set(), "nats_url", "a service that runs by itself needs a NATS server: set it to nats://host:4222")
	}
	if need&NeedSeal != 0 {
		l.require(c.SealKey.Set(), "seal_key", "all services need the same key; make one with: openssl rand -base64 32")
	}
	if c.Source == SourceWebhook {
		l.require(c.WebhookURL != "", "webhook_url", "HOTLINE_SOURCE=webhook needs the public https URL of HOTLINE_LISTEN")
		l.checkWebhookPort(c)
	}
	l.checkTLS(c)
}

func (l *loader) require(ok bool, key, remedy string) {
	if !ok && !l.broken[key] {
		l.faults.add(describe(key, "", "").Env, "is not set", remedy)
	}
}

// checkWebhookPort knows what only Telegram's own servers insist on.
func (l *loader) checkWebhookPort(c *Config) {
	api, err := url.Parse(c.TelegramAPI)
	if err != nil || api.Hostname() != telegramHost {
		return
	}
	hook, err := url.Parse(c.WebhookURL)
	if err != nil || slices.Contains([]string{"", "443", "80", "88", "8443"}, hook.Port()) {
		return
	}
	l.faults.add(envPrefix+"WEBHOOK_URL", "Telegram does not deliver to port "+hook.Port(), "use port 443, 80, 88 or 8443")
}

func (l *loader) checkTLS(c *Config) {
	trio := map[string]string{"grpc_tls_cert": c.GRPCTLS.Cert, "grpc_tls_key": c.GRPCTLS.Key, "grpc_tls_ca": c.GRPCTLS.CA}
	some, all := false, true
	for key, v := range trio {
		set := v != "" || l.broken[key]
		some, all = some || set, all && set
	}
	const names = "HOTLINE_GRPC_TLS_CERT, HOTLINE_GRPC_TLS_KEY and HOTLINE_GRPC_TLS_CA"
	switch {
	case some && !all:
		l.faults.add("HOTLINE_GRPC_TLS_*", "only a part is set", "set all of "+names+", or none")
	case !some && c.GRPCListen != "" && !loopback(c.GRPCListen):
		l.faults.add("HOTLINE_GRPC_LISTEN", fmt.Sprintf("%q can be reached from other hosts without protection", c.GRPCListen),
			"listen on 127.0.0.1, or set "+names)
	case !some && c.IngressGRPC != "" && !loopback(c.IngressGRPC):
		l.faults.add("HOTLINE_INGRESS_GRPC", fmt.Sprintf("%q is another host, and what people write would travel there without protection", c.IngressGRPC),
			"set "+names)
	}
}
