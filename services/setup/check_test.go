package setup

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/tg"
)

const (
	testBot    = 123456789
	testSecret = "AAE-secret_secret_secret_secret_secr"
	testGroup  = -1001234567890
)

func testToken() config.Secret { return config.NewSecret(fmt.Sprintf("%d:%s", testBot, testSecret)) }

// answer of the scripted Bot API to one method.
type answer struct {
	status int
	body   string
	header http.Header
}

func ok(result string) answer {
	return answer{status: 200, body: `{"ok":true,"result":` + result + `}`}
}

func refused(code int, description, parameters string) answer {
	text, err := json.Marshal(description)
	if err != nil {
		panic(err)
	}
	return answer{status: code, body: fmt.Sprintf(`{"ok":false,"error_code":%d,"description":%s,"parameters":{%s}}`, code, text, parameters)}
}

// upgradedGroup is what the test's group became, as upgraded answers.
const upgradedGroup = -1009876543210

func upgraded() answer {
	return refused(400, "Bad Request: group chat was upgraded to a supergroup chat", fmt.Sprintf(`"migrate_to_chat_id":%d`, int64(upgradedGroup)))
}

// healthy is a connection without faults.
func healthy() map[string]answer {
	return map[string]answer{
		"getMe":         ok(fmt.Sprintf(`{"id":%d,"is_bot":true,"username":"desk_bot"}`, testBot)),
		"getChat":       ok(fmt.Sprintf(`{"id":%d,"type":"supergroup","is_forum":true}`, int64(testGroup))),
		"getChatMember": ok(`{"status":"administrator","can_manage_topics":true}`),
	}
}

// botAPI answers as scripted, and knows only the test's token.
func botAPI(t *testing.T, script func(method string) answer) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method, known := strings.CutPrefix(r.URL.Path, "/bot"+testToken().Reveal()+"/")
		a := refused(404, "Not Found", "")
		if known {
			a = script(method)
		}
		for name, values := range a.header {
			w.Header()[name] = values
		}
		w.WriteHeader(a.status)
		if _, err := w.Write([]byte(a.body)); err != nil {
			t.Errorf("answer %s: %v", method, err)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func client(t *testing.T, url string) *tg.Client {
	t.Helper()
	c := tg.NewClient(url, testToken(), tg.WithTimeout(5*time.Second))
	t.Cleanup(c.Close)
	return c
}

func TestCheckExplains(t *testing.T) {
	tests := []struct {
		name   string
		change map[string]answer
		says   []string // none: nothing is wrong
	}{
		{"all well", nil, nil},
		{"the bot made the group", map[string]answer{"getChatMember": ok(`{"status":"creator"}`)}, nil},
		{"token refused", map[string]answer{"getMe": refused(401, "Unauthorized", "")},
			[]string{"HOTLINE_BOT_TOKEN: Telegram refuses this token", "@BotFather"}},
		{"token unknown", map[string]answer{"getMe": refused(404, "Not Found", "")}, []string{"HOTLINE_BOT_TOKEN: Telegram refuses this token"}},
		{"no such group", map[string]answer{"getChat": refused(400, "Bad Request: chat not found", "")},
			[]string{"HOTLINE_GROUP: @desk_bot cannot see the group -1001234567890", "chat not found", "Add Administrator"}},
		{"kicked", map[string]answer{"getChat": refused(403, "Forbidden: bot was kicked from the supergroup chat", "")},
			[]string{"HOTLINE_GROUP: @desk_bot cannot see the group"}},
		{"upgraded, nobody says to what", map[string]answer{
			"getChat": refused(400, "Bad Request: group chat was upgraded to a supergroup chat", "")},
			[]string{"HOTLINE_GROUP: the group -1001234567890 was upgraded", "set it to the group's new id"}},
		{"a basic group", map[string]answer{"getChat": ok(`{"type":"group"}`), "sendChatAction": ok("true")},
			[]string{"HOTLINE_GROUP: -1001234567890 is a group"}},
		{"a basic group that is closed to the bot", map[string]answer{
			"getChat": ok(`{"type":"group"}`), "sendChatAction": refused(403, "Forbidden: the group chat was deleted", "")},
			[]string{"HOTLINE_GROUP: -1001234567890 is a group"}},
		{"a channel", map[string]answer{"getChat": ok(`{"type":"channel"}`)}, []string{"HOTLINE_GROUP: -1001234567890 is a channel"}},
		{"no topics", map[string]answer{"getChat": ok(`{"type":"supergroup"}`)}, []string{"has no topics", "Edit, and switch on Topics"}},
		{"no administrator", map[string]answer{"getChatMember": ok(`{"status":"member"}`)},
			[]string{"@desk_bot is no administrator", "Add Administrator", "Manage Topics"}},
		{"left", map[string]answer{"getChatMember": ok(`{"status":"left"}`)}, []string{"@desk_bot is not in the group"}},
		{"no right to manage topics", map[string]answer{"getChatMember": ok(`{"status":"administrator","can_pin_messages":true}`)},
			[]string{"@desk_bot may not manage topics", "switch on Manage Topics"}},
		{"two faults at once", map[string]answer{
			"getChat": ok(`{"type":"supergroup"}`), "getChatMember": ok(`{"status":"member"}`)},
			[]string{"has no topics", "\nHOTLINE_GROUP: @desk_bot is no administrator"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			answers := healthy()
			for method, a := range test.change {
				answers[method] = a
			}
			url := botAPI(t, func(method string) answer { return answers[method] })
			faults, err := Check(t.Context(), client(t, url), testGroup)
			if err != nil {
				t.Fatal(err)
			}
			text := ""
			if err := faults.Err(); err != nil {
				text = err.Error()
			}
			if (text == "") != (test.says == nil) {
				t.Fatalf("said %q", text)
			}
			for _, want := range test.says {
				if !strings.Contains(text, want) {
					t.Errorf("%q does not say %q", text, want)
				}
			}
			if strings.Contains(text, testSecret) {
				t.Errorf("the token is shown: %q", text)
			}
		})
	}
}

// TestCheckFindsMoves: whichever call it is that Telegram answers with the new id.
func TestCheckFindsMoves(t *testing.T) {
	for name, change := range map[string]map[string]answer{
		"asked about the group":      {"getChat": upgraded()},
		"asked about the bot there":  {"getChatMember": upgraded()},
		"the empty shell is visible": {"getChat": ok(`{"type":"group"}`), "sendChatAction": upgraded()},
	} {
		t.Run(name, func(t *testing.T) {
			answers := healthy()
			maps.Copy(answers, change)
			url := botAPI(t, func(method string) answer { return answers[method] })
			faults, err := Check(t.Context(), client(t, url), testGroup)
			if moved, ok := errors.AsType[*Moved](err); !ok || *moved != (Moved{From: testGroup, To: upgradedGroup}) || len(faults) != 0 {
				t.Errorf("faults %v, error %v", faults, err)
			}
		})
	}
}

func TestCheckStaysOpen(t *testing.T) {
	tests := map[string]map[string]answer{
		"server error":         {"getMe": {status: 502, body: "<html>bad gateway</html>"}},
		"limited":              {"getChat": refused(429, "Too Many Requests: retry after 7", `"retry_after":7`)},
		"internal error later": {"getChatMember": refused(500, "Internal Server Error: restart", "")},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			answers := healthy()
			for method, a := range change {
				answers[method] = a
			}
			url := botAPI(t, func(method string) answer { return answers[method] })
			faults, err := Check(t.Context(), client(t, url), testGroup)
			if !errors.Is(err, ErrUnreachable) || len(faults) != 0 {
				t.Fatalf("faults %v, error %v", faults, err)
			}
			if strings.Contains(err.Error(), testSecret) || strings.Contains(err.Error(), url) {
				t.Errorf("shows too much: %v", err)
			}
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		server := httptest.NewServer(http.NotFoundHandler())
		server.Close()
		if _, err := Check(t.Context(), client(t, server.URL), testGroup); !errors.Is(err, ErrUnreachable) {
			t.Fatal(err)
		}
	})
}
