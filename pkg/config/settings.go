package config

import (
	"slices"
	"strings"
)

// Setting describes one setting, for help texts.
type Setting struct {
	Key     string // name in the file
	Env     string // name in the environment
	Flag    string // name of the flag, without dashes
	Default string
	Help    string
	Secret  bool // it can also be read from a file, by the same names with _FILE, _file, -file
}

const (
	envPrefix   = "HOTLINE_"
	paramKey    = "param"
	paramPrefix = "param."
	paramsKey   = "params"
	fileSuffix  = "_file"
)

// setting joins the description with the code that understands the value. Only
// non-empty values are parsed.
type setting struct {
	Setting
	parse func(c *Config, value string) *trouble
}

// trouble is a Fault without the setting's name.
type trouble struct{ problem, remedy string }

// Settings returns all settings in the order in which help lists them. Parameters
// (HOTLINE_PARAM_<NAME>, --param NAME=VALUE, params: in the file) are described by the
// last one.
func Settings() []Setting {
	table := settings()
	list := make([]Setting, len(table), len(table)+2)
	for i, s := range table {
		list[i] = s.Setting
	}
	config := describe("config", "", "file with settings (YAML: the names below in lower case, without HOTLINE_)")
	params := describe(paramKey, "", "initial parameter of the connection, for instance HOTLINE_PARAM_WELCOME or --param WELCOME=…")
	params.Key, params.Env = paramsKey, "HOTLINE_PARAM_<NAME>"
	return append(list, config, params)
}

func describe(key, def, help string) Setting {
	return Setting{
		Key: key, Default: def, Help: help,
		Env:  envPrefix + strings.ToUpper(key),
		Flag: strings.ReplaceAll(key, "_", "-"),
	}
}

// settings is the one table behind flags, environment, file, help and validation.
func settings() []setting {
	var table []setting
	add := func(key, def, help string, parse func(*Config, string) *trouble) {
		table = append(table, setting{describe(key, def, help), parse})
	}
	secret := func(key, help string, parse func(*Config, string) *trouble) {
		add(key, "", help, parse)
		table[len(table)-1].Secret = true
	}
	secret("bot_token", "token of the bot that customers write to, from @BotFather", parseToken)
	add("group", "", "id of the team's Telegram group (-100…), a forum in which the bot is an administrator", parseGroup)
	add("owner", "", "Telegram user id of the owner", parseOwner)
	add("source", "polling", "how updates are received: polling or webhook", parseSource)
	add("webhook_url", "", "public base URL under which Telegram reaches HOTLINE_LISTEN (https)", parseWebhookURL)
	add("telegram_api", "https://api.telegram.org", "root URL of the Bot API", parseTelegramAPI)
	add("telegram_limits", "on", "pace calls by Telegram's limits: on, or off for a server without limits", parseLimits)
	add("listen", "127.0.0.1:8080", "address of /healthz, /readyz, /metrics and the webhook", parseAddr(func(c *Config) *string { return &c.Listen }))
	add("grpc_listen", "127.0.0.1:8081", "address of the gRPC lookups", parseAddr(func(c *Config) *string { return &c.GRPCListen }))
	add("ingress_grpc", "", "address of ingress's gRPC, which relay asks what an edited message says; empty = HOTLINE_GRPC_LISTEN", parsePeer(func(c *Config) *string { return &c.IngressGRPC }))
	add("grpc_tls_cert", "", "certificate of this process (PEM), for gRPC beyond this host", parseFile(func(c *Config) *string { return &c.GRPCTLS.Cert }))
	add("grpc_tls_key", "", "private key of this process (PEM)", parseFile(func(c *Config) *string { return &c.GRPCTLS.Key }))
	add("grpc_tls_ca", "", "authority that signed the certificates of all processes (PEM)", parseFile(func(c *Config) *string { return &c.GRPCTLS.CA }))
	add("data", "./data", "data directory (mode 0700), one process at a time", parseText(func(c *Config) *string { return &c.Data }))
	secret("nats_url", "URL of a NATS server; empty = embedded", parseNATS)
	add("nats_creds", "", "credentials file for the NATS server", parseFile(func(c *Config) *string { return &c.NATSCreds }))
	add("nats_replicas", "1", "copies of every stream on the NATS server's cluster: 1, or 3", parseReplicas)
	secret("mongodb_uri", "URI of a MongoDB; empty = embedded SQLite", parseMongo)
	add("durability", "always", "always: every append is synced to disk before it counts; interval: faster, a power cut may lose the last moments", parseDurability)
	secret("seal_key", "master key, 32 bytes in base64 (several: the first seals); empty = made in the data directory", parseSealKey)
	add("log_level", "info", "debug, info, warn or error", parseLogLevel)
	add("otlp_endpoint", "", "OTLP/HTTP URL for traces; empty = off", parseOTLP)
	return table
}

// known returns every name a layer may use, spelled by name.
func known(table []setting, name func(Setting) string, suffix string) []string {
	names := []string{}
	for _, s := range table {
		names = append(names, name(s.Setting))
		if s.Secret {
			names = append(names, name(s.Setting)+suffix)
		}
	}
	slices.Sort(names)
	return names
}
