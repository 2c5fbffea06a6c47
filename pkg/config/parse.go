package config

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hotline-desk/hotline/pkg/seal"
)

const telegramHost = "api.telegram.org"

var (
	tokenShape = regexp.MustCompile(fmt.Sprintf(`^\d+:[A-Za-z0-9_-]{%d,}$`, seal.MinTokenSecret))
	paramShape = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)
)

func wrong(remedy, problem string, args ...any) *trouble {
	return &trouble{problem: fmt.Sprintf(problem, args...), remedy: remedy}
}

func parseToken(c *Config, v string) *trouble {
	if !tokenShape.MatchString(v) {
		return wrong("copy it from @BotFather; it looks like 123456789:AAE…", "is not a bot token")
	}
	c.BotToken = NewSecret(v)
	return nil
}

func parseGroup(c *Config, v string) *trouble {
	id, err := strconv.ParseInt(v, 10, 64)
	if err != nil || id > -1_000_000_000_000 {
		return wrong("use the group's full id, a number that begins with -100 (a basic group must become a supergroup with topics first)",
			"%q is not the id of a supergroup", v)
	}
	c.Group = id
	return nil
}

func parseOwner(c *Config, v string) *trouble {
	id, err := strconv.ParseInt(v, 10, 64)
	if err != nil || id <= 0 {
		return wrong("use the owner's numeric user id, not the @name", "%q is not the id of a Telegram user", v)
	}
	c.Owner = id
	return nil
}

func parseSource(c *Config, v string) *trouble {
	c.Source = Source(v)
	return oneOf(v, string(SourcePolling), string(SourceWebhook))
}

func parseReplicas(c *Config, v string) *trouble {
	if v == "3" {
		c.Replicas = 3
	} else {
		c.Replicas = 1
	}
	return oneOf(v, "1", "3")
}

func parseDurability(c *Config, v string) *trouble {
	c.Durability = Durability(v)
	return oneOf(v, string(DurabilityAlways), string(DurabilityInterval))
}

func parseLogLevel(c *Config, v string) *trouble {
	c.LogLevel = v
	return oneOf(v, "debug", "info", "warn", "error")
}

func parseLimits(c *Config, v string) *trouble {
	// YAML 1.1 and some shells' tools turn on and off into booleans.
	switch v {
	case "true":
		v = "on"
	case "false":
		v = "off"
	}
	c.Limits = v == "on"
	return oneOf(v, "on", "off")
}

func oneOf(v string, values ...string) *trouble {
	if slices.Contains(values, v) {
		return nil
	}
	return wrong("use one of: "+strings.Join(values, ", "), "%q is not known", v)
}

func parseTelegramAPI(c *Config, v string) *trouble {
	u, ok := httpURL(v)
	if !ok {
		return wrong("use the root, for instance https://"+telegramHost, "is not an http(s) URL")
	}
	c.TelegramAPI = u
	return nil
}

func parseWebhookURL(c *Config, v string) *trouble {
	s, ok := httpURL(v)
	if !ok {
		return wrong("use the public base URL, for instance https://desk.example.org", "is not an https URL")
	}
	if u, err := url.Parse(s); err != nil || u.Scheme != "https" && !loopbackHost(u.Hostname()) {
		return wrong("use https:// (plain http is for this host only)", "Telegram delivers to https only")
	}
	c.WebhookURL = s
	return nil
}

func parseOTLP(c *Config, v string) *trouble {
	u, ok := httpURL(v)
	if !ok {
		return wrong("use the collector's URL, for instance http://127.0.0.1:4318", "is not an http(s) URL")
	}
	c.OTLP = u
	return nil
}

// httpURL checks an absolute URL that something is going to be appended to.
func httpURL(v string) (string, bool) {
	u, err := url.Parse(v)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", false
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return "", false
	}
	return strings.TrimRight(v, "/"), true
}

func parseNATS(c *Config, v string) *trouble {
	for part := range strings.SplitSeq(v, ",") {
		u, err := url.Parse(strings.TrimSpace(part))
		if err != nil || u.Host == "" || !slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme) {
			return wrong("use nats://host:4222 or tls://host:4222 (several: separated by commas)", "is not a NATS URL")
		}
	}
	c.NATSURL = NewSecret(v)
	return nil
}

func parseMongo(c *Config, v string) *trouble {
	rest, ok := strings.CutPrefix(v, "mongodb://")
	if !ok {
		rest, ok = strings.CutPrefix(v, "mongodb+srv://")
	}
	if !ok || rest == "" {
		return wrong("use mongodb://host:27017/ or mongodb+srv://host/", "is not a MongoDB URI")
	}
	c.MongoURI = NewSecret(v)
	return nil
}

func parseSealKey(c *Config, v string) *trouble {
	keys, err := seal.ParseKeys(v)
	if err == nil {
		_, err = seal.New(keys...)
	}
	if err != nil {
		return wrong("make one with: openssl rand -base64 32", "%v", err)
	}
	c.SealKey = NewSecret(v)
	return nil
}

func parseAddr(field func(*Config) *string) func(*Config, string) *trouble {
	return func(c *Config, v string) *trouble {
		_, port, err := net.SplitHostPort(v)
		if err == nil {
			_, err = net.LookupPort("tcp", port)
		}
		if err != nil {
			return wrong("use host:port, for instance 127.0.0.1:8080", "%q is not an address", v)
		}
		*field(c) = v
		return nil
	}
}

// parsePeer reads the address of another process, which is dialled and so has to be complete.
func parsePeer(field func(*Config) *string) func(*Config, string) *trouble {
	return func(c *Config, v string) *trouble {
		host, port, err := net.SplitHostPort(v)
		number := 0
		if err == nil {
			number, err = net.LookupPort("tcp", port)
		}
		if err != nil || host == "" || number == 0 {
			return wrong("use host:port, for instance 127.0.0.1:8081", "%q is not the address of another process", v)
		}
		*field(c) = v
		return nil
	}
}

func parseFile(field func(*Config) *string) func(*Config, string) *trouble {
	return func(c *Config, v string) *trouble {
		f, err := os.Open(v)
		if err != nil {
			return wrong("name a file that this process may read", "%v", err)
		}
		*field(c) = v
		if err := f.Close(); err != nil {
			return wrong("name a regular file", "%v", err)
		}
		return nil
	}
}

func parseText(field func(*Config) *string) func(*Config, string) *trouble {
	return func(c *Config, v string) *trouble {
		*field(c) = v
		return nil
	}
}
