package config_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/hotline-desk/hotline/pkg/config"
)

const (
	token = "123456789:AAEhBP0av28fTnQ7bLwKjq9Yb3Zx5cVd1mN"
	group = "-1001234567890"
)

func load(t *testing.T, need config.Need, env []string, args ...string) (*config.Config, error) {
	t.Helper()
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.Bind(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	return config.Load(fs, env, need)
}

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDefaults(t *testing.T) {
	c, err := load(t, 0, []string{"PATH=/bin", "HOTLINE_GROUP=", "HOTLINE_TEST_ANYTHING=1", "HOTLINE_SIMULATOR_LISTEN=x"})
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(c.TelegramAPI, c.Source, c.Listen, c.GRPCListen, c.Data, c.Durability, c.Limits, c.LogLevel)
	want := fmt.Sprint("https://api.telegram.org", "polling", "127.0.0.1:8080", "127.0.0.1:8081", "./data", "always", true, "info")
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if c.BotToken.Set() || c.Group != 0 || c.NATSURL.Set() || c.MongoURI.Set() || c.OTLP != "" {
		t.Errorf("something is set: %+v", c)
	}
}

// Content is asked for at this process itself unless another is named.
func TestIngressGRPC(t *testing.T) {
	for _, tc := range []struct{ env, want string }{
		{"HOTLINE_GRPC_LISTEN=127.0.0.1:9", ""},
		{"HOTLINE_INGRESS_GRPC=", ""},
		{"HOTLINE_INGRESS_GRPC=127.0.0.1:8108", "127.0.0.1:8108"},
		{"HOTLINE_INGRESS_GRPC=[::1]:8108", "[::1]:8108"},
	} {
		if c, err := load(t, 0, []string{tc.env}); err != nil || c.IngressGRPC != tc.want {
			t.Errorf("%s: %v, %v", tc.env, c, err)
		}
	}
}

func TestPrecedence(t *testing.T) {
	path := file(t, "hotline.yaml", "group: -1001111111111\nowner: 1\nlog_level: debug\nparams:\n  welcome: from file\n  AUTOCLOSE: 48.5\n")
	c, err := load(t, 0,
		[]string{"HOTLINE_CONFIG=" + path, "HOTLINE_GROUP=-1002222222222", "HOTLINE_OWNER=2", "HOTLINE_LOG_LEVEL=", "HOTLINE_PARAM_WELCOME=a=b"},
		"--owner=3", "--param=sla=15")
	if err != nil {
		t.Fatal(err)
	}
	if c.Group != -1002222222222 || c.Owner != 3 || c.LogLevel != "debug" {
		t.Errorf("group %d, owner %d, level %s", c.Group, c.Owner, c.LogLevel)
	}
	if got := fmt.Sprint(c.Params); got != "map[AUTOCLOSE:48.5 SLA:15 WELCOME:a=b]" {
		t.Errorf("params %s", got)
	}
}

func TestSecretsFromFiles(t *testing.T) {
	key := base64.StdEncoding.EncodeToString(make([]byte, 32))
	path := file(t, "token", token+"\n")
	c, err := load(t, config.NeedBot|config.NeedSeal,
		[]string{"HOTLINE_BOT_TOKEN_FILE=" + path, "HOTLINE_GROUP=" + group, "HOTLINE_SEAL_KEY_FILE=" + file(t, "key", key)})
	if err != nil {
		t.Fatal(err)
	}
	if c.BotToken.Reveal() != token || c.SealKey.Reveal() != key {
		t.Error("the files were not read")
	}
	// A flag overrides the file that the environment names.
	other := strings.Replace(token, "123456789", "987654321", 1)
	if c, err = load(t, 0, []string{"HOTLINE_BOT_TOKEN_FILE=" + path}, "--bot-token="+other); err != nil || c.BotToken.Reveal() != other {
		t.Errorf("precedence of files: %v", err)
	}
	if got := strings.Join(c.Secrets(), " "); got != other {
		t.Error("Secrets does not list the token")
	}
}

// Each fault is one line that names the setting and the remedy.
func TestFaults(t *testing.T) {
	secretFile := filepath.Join(t.TempDir(), "none")
	yaml := file(t, "bad.yaml", "grupo: 1\nowner: [1, 2]\nparams: 7\n")
	broken := file(t, "broken.yaml", token)
	for name, tc := range map[string]struct {
		need config.Need
		env  string // separated by spaces
		args []string
		want []string // parts of the lines, in order; their number is the number of lines
	}{
		"nothing set":         {need: config.NeedBot, want: []string{"HOTLINE_BOT_TOKEN: is not set", "HOTLINE_GROUP: is not set"}},
		"token malformed":     {need: config.NeedBot, env: "HOTLINE_BOT_TOKEN=12345 HOTLINE_GROUP=" + group, want: []string{"HOTLINE_BOT_TOKEN: is not a bot token; copy it from @BotFather"}},
		"token with blanks":   {env: "HOTLINE_BOT_TOKEN=" + token + "!", want: []string{"HOTLINE_BOT_TOKEN: is not a bot token"}},
		"group positive":      {env: "HOTLINE_GROUP=1001234567890", want: []string{`HOTLINE_GROUP: "1001234567890" is not the id of a supergroup`}},
		"basic group":         {env: "HOTLINE_GROUP=-12345", want: []string{"begins with -100"}},
		"token as group":      {env: "HOTLINE_GROUP=" + token, want: []string{"HOTLINE_GROUP"}},
		"owner":               {env: "HOTLINE_OWNER=@ada", want: []string{"not the @name"}},
		"source":              {env: "HOTLINE_SOURCE=poll", want: []string{"polling, webhook"}},
		"webhook without URL": {env: "HOTLINE_SOURCE=webhook", want: []string{"HOTLINE_WEBHOOK_URL: is not set"}},
		"webhook over http":   {env: "HOTLINE_WEBHOOK_URL=http://desk.example.org", want: []string{"https only"}},
		"webhook port":        {env: "HOTLINE_SOURCE=webhook HOTLINE_WEBHOOK_URL=https://desk.example.org:9000", want: []string{"443, 80, 88 or 8443"}},
		"api":                 {env: "HOTLINE_TELEGRAM_API=api.telegram.org", want: []string{"HOTLINE_TELEGRAM_API: is not an http(s) URL"}},
		"limits":              {env: "HOTLINE_TELEGRAM_LIMITS=no", want: []string{"on, off"}},
		"listen":              {env: "HOTLINE_LISTEN=8080", want: []string{"HOTLINE_LISTEN: \"8080\" is not an address"}},
		"port":                {env: "HOTLINE_LISTEN=127.0.0.1:99999", want: []string{"HOTLINE_LISTEN"}},
		"gRPC in the open":    {env: "HOTLINE_GRPC_LISTEN=:9000", want: []string{"HOTLINE_GRPC_LISTEN: \":9000\" can be reached from other hosts"}},
		"peer without host":   {env: "HOTLINE_INGRESS_GRPC=:8108", want: []string{"HOTLINE_INGRESS_GRPC: \":8108\" is not the address of another process"}},
		"peer without port":   {env: "HOTLINE_INGRESS_GRPC=127.0.0.1", want: []string{"HOTLINE_INGRESS_GRPC: "}},
		"peer at any port":    {env: "HOTLINE_INGRESS_GRPC=127.0.0.1:0", want: []string{"HOTLINE_INGRESS_GRPC: "}},
		"peer in the open":    {env: "HOTLINE_INGRESS_GRPC=ingress.internal:8081", want: []string{"HOTLINE_INGRESS_GRPC: \"ingress.internal:8081\" is another host"}},
		"TLS in part":         {env: "HOTLINE_GRPC_TLS_CERT=" + yaml, want: []string{"HOTLINE_GRPC_TLS_*: only a part is set"}},
		"TLS file missing":    {env: "HOTLINE_GRPC_TLS_CERT=" + yaml + " HOTLINE_GRPC_TLS_KEY=" + yaml + " HOTLINE_GRPC_TLS_CA=/none", want: []string{"HOTLINE_GRPC_TLS_CA"}},
		"nats":                {env: "HOTLINE_NATS_URL=http://user:hidden@host", want: []string{"HOTLINE_NATS_URL: is not a NATS URL"}},
		"mongo":               {env: "HOTLINE_MONGODB_URI=user:hidden@host", want: []string{"HOTLINE_MONGODB_URI: is not a MongoDB URI"}},
		"durability":          {env: "HOTLINE_DURABILITY=never", want: []string{"always, interval"}},
		"level":               {env: "HOTLINE_LOG_LEVEL=loud", want: []string{"debug, info, warn, error"}},
		"seal key":            {env: "HOTLINE_SEAL_KEY=aGlkZGVu", want: []string{"openssl rand -base64 32"}},
		"otlp":                {env: "HOTLINE_OTLP_ENDPOINT=localhost:4318", want: []string{"HOTLINE_OTLP_ENDPOINT"}},
		"secret file missing": {need: config.NeedBot, env: "HOTLINE_GROUP=" + group + " HOTLINE_BOT_TOKEN_FILE=" + secretFile, want: []string{"HOTLINE_BOT_TOKEN_FILE: "}},
		"both":                {env: "HOTLINE_BOT_TOKEN=" + token + " HOTLINE_BOT_TOKEN_FILE=" + secretFile, want: []string{"set one of the two"}},
		"typo":                {env: "HOTLINE_GROOP=1", want: []string{"HOTLINE_GROOP: there is no such setting; did you mean HOTLINE_GROUP?"}},
		"unknown":             {env: "HOTLINE_COLOUR=red", want: []string{"HOTLINE_COLOUR: there is no such setting"}},
		"file missing":        {env: "HOTLINE_CONFIG=/none.yaml", want: []string{"HOTLINE_CONFIG: "}},
		"file broken":         {env: "HOTLINE_CONFIG=" + broken, want: []string{"is not a YAML mapping"}},
		"file faults":         {env: "HOTLINE_CONFIG=" + yaml, want: []string{"grupo (in " + yaml + "): there is no such setting; did you mean group?", "owner", "params"}},
		"flag":                {args: []string{"--group=7"}, want: []string{"HOTLINE_GROUP (--group): "}},
		"param flag":          {args: []string{"--param=WELCOME"}, want: []string{"--param NAME=VALUE"}},
		"param name":          {env: "HOTLINE_PARAM_a-b=1", want: []string{"HOTLINE_PARAM_a-b: is not a parameter's name"}},
		"peers":               {need: config.NeedNATS | config.NeedSeal, want: []string{"NATS_URL", "SEAL_KEY"}},
		"two copies":          {env: "HOTLINE_NATS_REPLICAS=2", want: []string{"HOTLINE_NATS_REPLICAS"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, tc.need, strings.Fields(tc.env), tc.args...)
			var faults config.Faults
			if !errors.As(err, &faults) {
				t.Fatalf("accepted: %v", err)
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(tc.want) {
				t.Fatalf("%d lines, want %d:\n%v", len(lines), len(tc.want), err)
			}
			for i, line := range lines {
				if !strings.Contains(line, tc.want[i]) {
					t.Errorf("line %q does not say %q", line, tc.want[i])
				}
			}
			for _, secret := range []string{token[10:], "hidden", "aGlkZGVu", "12345;"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("shows a secret: %v", err)
				}
			}
		})
	}
}

func TestAccepted(t *testing.T) {
	tls := file(t, "any.pem", "x")
	for _, env := range []string{
		"HOTLINE_TELEGRAM_API=http://127.0.0.1:8082/",
		"HOTLINE_SOURCE=webhook HOTLINE_WEBHOOK_URL=http://127.0.0.1:8080 HOTLINE_TELEGRAM_API=http://127.0.0.1:1",
		"HOTLINE_SOURCE=webhook HOTLINE_WEBHOOK_URL=https://desk.example.org:8443/tg",
		"HOTLINE_SOURCE=webhook HOTLINE_WEBHOOK_URL=https://desk.example.org:9000 HOTLINE_TELEGRAM_API=http://127.0.0.1:1",
		"HOTLINE_GRPC_LISTEN=:9000 HOTLINE_GRPC_TLS_CERT=" + tls + " HOTLINE_GRPC_TLS_KEY=" + tls + " HOTLINE_GRPC_TLS_CA=" + tls,
		"HOTLINE_GRPC_LISTEN=[::1]:9000",
		"HOTLINE_GRPC_LISTEN=localhost:0",
		"HOTLINE_INGRESS_GRPC=localhost:8108",
		"HOTLINE_INGRESS_GRPC=ingress.internal:8108 HOTLINE_GRPC_TLS_CERT=" + tls + " HOTLINE_GRPC_TLS_KEY=" + tls + " HOTLINE_GRPC_TLS_CA=" + tls,
		"HOTLINE_NATS_URL=nats://a:4222,tls://b:4222",
		"HOTLINE_MONGODB_URI=mongodb+srv://user:p%40ss@host/",
		"HOTLINE_SERVICE_HOST=10.0.0.1 HOTLINE_PORT=tcp://10.0.0.1:80 HOTLINE_PORT_80_TCP_ADDR=10.0.0.1 HOTLINE_DIALOG_SERVICE_PORT_GRPC=1",
	} {
		c, err := load(t, 0, strings.Fields(env))
		if err != nil {
			t.Errorf("%s: %v", env, err)
		} else if strings.HasSuffix(c.TelegramAPI, "/") {
			t.Errorf("a slash at the end of %s", c.TelegramAPI)
		}
	}
}

func TestSecretNeverPrints(t *testing.T) {
	c, err := load(t, 0, []string{"HOTLINE_BOT_TOKEN=" + token, "HOTLINE_MONGODB_URI=mongodb://u:hidden@h/"})
	if err != nil {
		t.Fatal(err)
	}
	enclosed := struct{ s config.Secret }{c.BotToken}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprintf("%v %+v %#v %s %x %q", c, *c, *c, c.BotToken, c.BotToken, c.BotToken) + fmt.Sprintf("%+v %#v", enclosed, enclosed) + string(text)
	for _, secret := range []string{token[10:], "hidden", fmt.Sprintf("%x", token[10:])} {
		if strings.Contains(all, secret) {
			t.Errorf("printed %q in %s", secret, all)
		}
	}
	if c.BotToken.String() != "***" || config.NewSecret("").Set() || config.NewSecret("").String() != "" {
		t.Error("the mask is wrong")
	}
}

func TestSettingsDescribeEverything(t *testing.T) {
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.Bind(fs)
	for _, s := range config.Settings() {
		if s.Help == "" || !strings.HasPrefix(s.Env, "HOTLINE_") || fs.Lookup(s.Flag) == nil {
			t.Errorf("incomplete: %+v", s)
		}
		if s.Secret && fs.Lookup(s.Flag+"-file") == nil {
			t.Errorf("%s cannot come from a file", s.Env)
		}
	}
}

func FuzzLoadFile(f *testing.F) {
	f.Add("group: -1001234567890\nparams:\n  WELCOME: hi\n")
	f.Add("a: [\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := config.Load(nil, []string{"HOTLINE_CONFIG=" + file(t, "f.yaml", text)}, 0)
		if (c == nil) == (err == nil) {
			t.Fatalf("both or none: %v, %v", c, err)
		}
	})
}
