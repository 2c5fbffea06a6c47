package simulator_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/hotline-desk/hotline/services/simulator"
)

func TestListensOnLoopbackOnly(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "example.org:0"} {
		if err := simulator.New(simulator.Config{Addr: addr}).Listen(); err == nil {
			t.Errorf("%s was accepted", addr)
		}
	}
}

func TestTokenHasTelegramsForm(t *testing.T) {
	w := newWorld(t, simulator.Config{})
	if !regexp.MustCompile(`^\d+:[\w-]{35}$`).MatchString(w.bot.Token()) {
		t.Fatal(w.bot.Token())
	}
}

func TestEveryMethodIsKnown(t *testing.T) {
	w := newWorld(t, simulator.Config{})
	list, err := os.ReadFile("methods.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(list)) {
		name, _, _ := strings.Cut(line, " ")
		n++
		if name == "getUpdates" {
			continue
		}
		for _, spelling := range []string{name, strings.ToLower(name), strings.ToUpper(name)} {
			if r := w.api.call(t, spelling, nil); r.Code == 404 {
				t.Errorf("%s: %s", spelling, r.Description)
			}
		}
	}
	if n != 185 {
		t.Errorf("%d methods", n)
	}
	w.api.refuse(t, "noSuchMethod", nil, 404, "Not Found: method not found")
	if got := w.s.Calls("setchattitle"); len(got) != 3 {
		t.Errorf("remembered calls: %v", got)
	}
}

func TestPathsAndTokens(t *testing.T) {
	w := newWorld(t, simulator.Config{})
	for path, want := range map[string]string{
		"/":                             `404 {"ok":false,"error_code":404,"description":"Not Found"}`,
		"/botnonsense/getMe":            `401 {"ok":false,"error_code":401,"description":"Unauthorized: invalid token specified"}`,
		"/bot123:unknown/getMe":         `401 {"ok":false,"error_code":401,"description":"Unauthorized"}`,
		"/bot" + w.bot.Token() + "/":    `404 {"ok":false,"error_code":404,"description":"Not Found: method not found"}`,
		"/bot" + w.bot.Token() + "/nil": `404 {"ok":false,"error_code":404,"description":"Not Found: method not found"}`,
	} {
		if got := get(t, w.s.URL()+path); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
	for _, path := range []string{"/getMe", "/test/getme", "/?method=GETME"} {
		if got := get(t, w.s.URL()+"/bot"+w.bot.Token()+path); !strings.HasPrefix(got, `200 {"ok":true,"result":{"id":7000000001,"is_bot":true`) {
			t.Errorf("%s: %s", path, got)
		}
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	return do(t, http.MethodGet, url, "", nil)
}

func do(t *testing.T, method, url, contentType string, body io.Reader) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	tr := &http.Transport{DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d %s", resp.StatusCode, b)
}

func TestEveryEncoding(t *testing.T) {
	w := newWorld(t, simulator.Config{})
	anna := w.s.NewCustomer("Anna")
	q := anna.Send(simulator.Text("question"))
	base := w.s.URL() + "/bot" + w.bot.Token()
	chat, reply := fmt.Sprint(anna.ID()), fmt.Sprintf(`{"message_id":%d}`, q.ID)
	text := "héllo \"quoted\" \\ \n 😀"

	form := url.Values{"chat_id": {chat}, "text": {text}, "reply_parameters": {reply}}
	var mp bytes.Buffer
	mw := multipart.NewWriter(&mp)
	for k := range form {
		if err := mw.WriteField(k, form.Get(k)); err != nil {
			t.Fatal(err)
		}
	}
	if err := mw.Close(); err != nil {
		t.Fatal(err)
	}
	jsonText := `"héllo \"quoted\" \\ \n \ud83d\ude00"`
	for name, got := range map[string]string{
		"query":          get(t, base+"/sendMessage?"+form.Encode()),
		"post query":     do(t, "POST", base+"/sendmessage?"+form.Encode(), "", nil),
		"urlencoded":     do(t, "POST", base+"/SENDMESSAGE", "application/x-www-form-urlencoded", strings.NewReader(form.Encode())),
		"multipart":      do(t, "POST", base+"/sendMessage", mw.FormDataContentType(), &mp),
		"json":           do(t, "POST", base+"/sendMessage", "application/json", strings.NewReader(`{ "chat_id" : `+chat+`, "text":`+jsonText+`,"entities":null, "reply_parameters": `+reply+` }`)),
		"json, strings":  do(t, "POST", base+"/sendMessage", "application/json; charset=utf-8", strings.NewReader(`{"chat_id":"`+chat+`","text":`+jsonText+`,"reply_parameters":"{\"message_id\":\"`+fmt.Sprint(q.ID)+`\"}"}`)),
		"method in body": do(t, "POST", base+"/", "application/json", strings.NewReader(`{"method":"sendMessage","chat_id":`+chat+`,"text":`+jsonText+`,"reply_to_message_id":`+fmt.Sprint(q.ID)+`}`)),
	} {
		if !strings.HasPrefix(got, `200 {"ok":true`) || !strings.Contains(got, fmt.Sprintf(`"reply_to_message":{"message_id":%d,`, q.ID)) {
			t.Errorf("%s: %s", name, got)
		}
	}
	inbox := anna.Inbox()
	if len(inbox) != 7 {
		t.Fatalf("%d messages", len(inbox))
	}
	for _, m := range inbox {
		if m.Text != text || m.ReplyTo != q.ID {
			t.Errorf("%+v", m)
		}
	}
	if got := do(t, "POST", base+"/getMe", "application/json", strings.NewReader("null")); !strings.HasPrefix(got, "200") {
		t.Error(got)
	}
	for _, bad := range []string{"{", "[]", `"x"`, `{"a":}`} {
		if got := do(t, "POST", base+"/getMe", "application/json", strings.NewReader(bad)); !strings.HasPrefix(got, `400 {"ok":false,"error_code":400,"description":"Bad Request: can't parse JSON object"}`) {
			t.Errorf("%s: %s", bad, got)
		}
	}
}

func TestUploadOverMultipart(t *testing.T) {
	w := newWorld(t, simulator.Config{})
	anna := w.s.NewCustomer("Anna")
	anna.Start()
	var body bytes.Buffer
	mw := multipart.NewWriter(&body)
	if err := mw.WriteField("chat_id", fmt.Sprint(anna.ID())); err != nil {
		t.Fatal(err)
	}
	part, err := mw.CreateFormFile("document", "report.csv")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write([]byte("a,b\n")); err != nil {
		t.Fatal(err)
	}
	if err := mw.Close(); err != nil {
		t.Fatal(err)
	}
	got := do(t, "POST", w.s.URL()+"/bot"+w.bot.Token()+"/sendDocument", mw.FormDataContentType(), &body)
	if !strings.Contains(got, `"file_name":"report.csv"`) {
		t.Fatal(got)
	}
}

func FuzzJSONArguments(f *testing.F) {
	for _, s := range []string{`{}`, `null`, `{"a":1,"b":"x\u0041","c":[1,{"d":"]"}],"e":null}`, `{"a":"\\\""}`, "[", `{"a":{"b":{"c":"}"}}}`} {
		f.Add(s)
	}
	s := simulator.New(simulator.Config{})
	b := s.NewBot("desk")
	f.Fuzz(func(t *testing.T, body string) {
		r, err := http.NewRequest("POST", "http://127.0.0.1/bot"+b.Token()+"/sendMessage", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		s.ServeHTTP(&sink{http.Header{}}, r)
	})
}
