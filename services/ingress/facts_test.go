package ingress

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/hotline-desk/hotline/pkg/tg"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// canary is in every text, caption, name, file name and word that must not leave ingress.
const canary = "canary"

var received = time.Unix(1790000500, 0)

func testLens() *lens {
	return &lens{
		connection: "c_123456", bot: 123456, username: "desk_bot", group: -1001234567890, seq: 42,
		parameters: &eventv1.Parameters{IgnoreChats: []int64{666}}, commands: topicCommands(),
	}
}

type named struct {
	Name   string          `json:"name"`
	Update json.RawMessage `json:"update"`
}

func samples(t testing.TB, file string) []named {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	var list []named
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// stable is protojson without its deliberate instability.
func stable(t *testing.T, m proto.Message) string {
	t.Helper()
	raw, err := protojson.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := json.Compact(&out, raw); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestFacts(t *testing.T) {
	for _, name := range sampleFiles {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			for _, s := range samples(t, name+".json") {
				r := testLens().read(s.Update, received)
				fmt.Fprintf(&out, "%s: %s %s", s.Name, r.kind, r.result)
				if r.fact != nil {
					fmt.Fprintf(&out, " at %s", r.order)
					if r.content != nil {
						out.WriteString(", held")
						isMessage(t, s, r)
					}
					if r.rename != nil {
						fmt.Fprintf(&out, ", %q for thread %d", r.rename.title, r.rename.thread)
					}
					fmt.Fprintf(&out, "\n  %s", stable(t, r.fact))
					noBody(t, r)
				} else if r.content != nil || r.rename != nil || r.profile != nil {
					t.Errorf("%s: something is kept without a fact", s.Name)
				}
				out.WriteByte('\n')
			}
			compare(t, filepath.Join("testdata", name+".golden"), out.String())
		})
	}
}

// sampleFiles are the tables of updates.
var sampleFiles = []string{"customer", "group", "edits", "reactions", "odd"}

// isMessage checks that what is held is the message itself, as it came.
func isMessage(t *testing.T, s named, r reading) {
	t.Helper()
	var u map[string]json.RawMessage
	if err := json.Unmarshal(s.Update, &u); err != nil || string(u[r.kind]) != string(r.content) {
		t.Errorf("%s: holds %s: %v", s.Name, r.content, err)
	}
}

func noBody(t *testing.T, r reading) {
	t.Helper()
	raw, err := proto.Marshal(r.fact)
	if err != nil {
		t.Fatal(err)
	}
	if text := strings.ToLower(string(raw) + r.place + r.order); strings.Contains(text, canary) {
		t.Errorf("a body is in the fact %v", r.fact)
	}
}

func compare(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	wantLines, gotLines := strings.Split(string(want), "\n"), strings.Split(got, "\n")
	if len(wantLines) != len(gotLines) {
		t.Errorf("%s: %d lines, want %d", file, len(gotLines), len(wantLines))
	}
	for i := range min(len(wantLines), len(gotLines)) {
		if wantLines[i] != gotLines[i] {
			t.Fatalf("%s:%d:\n got %s\nwant %s", file, i+1, gotLines[i], wantLines[i])
		}
	}
}

// Every kind that the contract knows comes out of some update.
func TestEveryKind(t *testing.T) {
	seen := map[eventv1.Kind]bool{}
	for _, s := range samples(t, "customer.json") {
		if m := testLens().read(s.Update, received).fact.GetCustomerMessage(); m != nil {
			seen[m.GetKind()] = true
		}
	}
	for number, name := range eventv1.Kind_name {
		if !seen[eventv1.Kind(number)] {
			t.Errorf("no update yields %s", name)
		}
	}
}

func TestAdmission(t *testing.T) {
	for _, c := range []struct {
		name          string
		ignore, white []int64
		want          result
	}{
		{"everybody", nil, nil, resultFact},
		{"ignored", []int64{1, 4711}, nil, resultFiltered},
		{"on the white list", nil, []int64{4711}, resultFact},
		{"not on the white list", nil, []int64{4712}, resultFiltered},
		{"on both", []int64{4711}, []int64{4711}, resultFiltered},
	} {
		l := testLens()
		l.parameters = &eventv1.Parameters{IgnoreChats: c.ignore, WhiteList: c.white}
		r := l.read(samples(t, "customer.json")[0].Update, received)
		if r.result != c.want || (r.fact != nil) != (c.want == resultFact) || (r.profile != nil) != (c.want == resultFact) {
			t.Errorf("%s: %s, fact %v, profile %v", c.name, r.result, r.fact, r.profile)
		}
	}
}

func TestProfiles(t *testing.T) {
	phones := map[string]string{"own contact": "+49 555 canary"}
	for _, s := range samples(t, "customer.json") {
		r := testLens().read(s.Update, received)
		if r.fact.GetCustomerMessage() == nil {
			if r.profile != nil {
				t.Errorf("%s: a profile without a message", s.Name)
			}
			continue
		}
		want := &eventv1.Profile{FirstName: "Canary Anna", LastName: "Canary Müller", Username: "canary_anna", Language: "de", Phone: phones[s.Name]}
		if r.user != 4711 || !proto.Equal(r.profile, want) {
			t.Errorf("%s: profile %v of %d", s.Name, r.profile, r.user)
		}
	}
}

func TestLongNamesAreCut(t *testing.T) {
	from, _ := json.Marshal(map[string]any{"id": 5, "first_name": strings.Repeat("ü", 5000)})
	r := testLens().read(fmt.Appendf(nil, `{"update_id":1,"message":{"message_id":2,"date":1,"from":%s,"chat":{"id":5,"type":"private"},"text":"x","media_group_id":"%s"}}`,
		from, strings.Repeat("9", 500)), received)
	if got := r.profile.GetFirstName(); got != strings.Repeat("ü", longestName/2) {
		t.Errorf("%d bytes", len(got))
	}
	if got := r.fact.GetCustomerMessage().GetAlbum(); len(got) != longestAlbum {
		t.Errorf("album of %d bytes", len(got))
	}
}

// Whatever comes in, reading it neither panics nor lets a word through, and says the same twice.
func FuzzRead(f *testing.F) {
	for _, file := range sampleFiles {
		for _, s := range samples(f, file+".json") {
			f.Add([]byte(s.Update))
		}
	}
	f.Add([]byte(strings.Repeat("[", 20_000)))
	f.Add([]byte(`{"update_id":1e400,"message":{"message_id":9223372036854775808}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := testLens().read(raw, received)
		again := testLens().read(raw, received)
		if r.kind == "" || r.result == "" || (r.fact == nil) != (r.result != resultFact) || !proto.Equal(r.fact, again.fact) {
			t.Fatalf("%+v", r)
		}
		if r.fact == nil {
			if r.content != nil || r.rename != nil || r.profile != nil {
				t.Fatalf("something is kept without a fact: %+v", r)
			}
			return
		}
		if key := r.fact.GetCause().GetKey(); strings.Trim(key, "-0123456789/truefals") != "" {
			t.Fatalf("words in the cause %s", key)
		}
		if m := r.fact.GetGroupMigration(); m != nil && (m.GetTo() >= 0 || m.GetFrom() != testLens().group || m.GetTo() == m.GetFrom()) {
			t.Fatalf("migration %v", m)
		}
		if m := r.fact.GetMessageReaction(); m != nil && m.GetReaction() != 0 && tg.ReactionOf(m.GetReaction()) == "" {
			t.Fatalf("reaction %v", m)
		}
		if e := r.fact.GetGroupEdit(); e != nil && e.GetSlash() == (r.content != nil) {
			t.Fatalf("held: %s, of %v", r.content, e)
		}
		if r.fact.GetCause() == nil || r.fact.GetAt() == nil || r.place == "" || r.order == "" || r.fact.GetConnection() == "" {
			t.Fatalf("incomplete: %+v", r)
		}
		if g := r.fact.GetGroupMessage(); g != nil {
			if len(g.GetAlbum()) > longestAlbum || !knownOrEmpty(g.GetCommand().GetName()) || !knownOrEmpty(g.GetCommand().GetNearest()) {
				t.Fatalf("words in %v", r.fact)
			}
		}
	})
}

func knownOrEmpty(name string) bool {
	for _, k := range append(topicCommands(), "") {
		if name == k {
			return true
		}
	}
	return false
}

func BenchmarkRead(b *testing.B) {
	raw := []byte(samples(b, "customer.json")[0].Update)
	l := testLens()
	b.ReportAllocs()
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if r := l.read(raw, received); r.fact == nil {
			b.Fatal("no fact")
		}
	}
}
