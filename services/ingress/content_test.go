package ingress

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/fault"
	"github.com/hotline-desk/hotline/pkg/run"
	apiv1 "github.com/hotline-desk/hotline/proto/gen/hotline/api/v1"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

func testContents(t *testing.T) (*contentStore, *time.Time) {
	t.Helper()
	m, err := newMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	c, now := newContentStore(m), time.Unix(1_000, 0)
	c.now = func() time.Time { return now }
	return c, &now
}

func known(c *contentStore, message int64) string {
	return string(c.get(testConnection, &eventv1.MessageRef{Chat: 77, Message: message}))
}

func TestContentIsTheNewestAndGoesAfterAMinute(t *testing.T) {
	c, now := testContents(t)
	c.put(testConnection, 77, 1, []byte("first"))
	*now = now.Add(40 * time.Second)
	c.put(testConnection, 77, 1, []byte("second"))
	c.put("c_other", 77, 2, []byte("another connection's"))
	if got := known(c, 1); got != "second" {
		t.Errorf("it says %q", got)
	}
	*now = now.Add(40 * time.Second)
	if got := known(c, 1); got != "second" {
		t.Errorf("after the first one's minute it says %q", got)
	}
	*now = now.Add(20 * time.Second)
	if got := known(c, 1) + known(c, 2); got != "" || c.bytes != 0 || len(c.by) != 0 || len(c.line) != 0 {
		t.Errorf("after a minute it says %q, and holds %d bytes, %d entries", got, c.bytes, len(c.by))
	}
}

func TestContentIsBounded(t *testing.T) {
	c, _ := testContents(t)
	big := make([]byte, contentMessage)
	for message := int64(1); message <= 200; message++ {
		c.put(testConnection, 77, message, big)
		if c.bytes > contentBytes {
			t.Fatalf("%d bytes", c.bytes)
		}
	}
	if known(c, 1) != "" || known(c, 200) == "" {
		t.Error("not the oldest went")
	}
	c.put(testConnection, 77, 201, make([]byte, contentMessage+1))
	if known(c, 201) != "" {
		t.Error("a message beyond the bound was kept")
	}
	for range 10_000 { // one message edited again and again
		c.put(testConnection, 77, 200, []byte("x"))
	}
	if held := testutil.ToFloat64(c.metrics.held); held != float64(c.bytes) {
		t.Errorf("the metric says %v of %d bytes", held, c.bytes)
	}
}

func TestContentIsHandedOut(t *testing.T) {
	server, err := run.NewGRPC("127.0.0.1:0", config.TLS{}, func() []run.State { return nil }, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, Config{})
	r.Register(server.Registrar())
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	conn, err := run.Dial(server.Addr(), config.TLS{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := apiv1.NewIngressServiceClient(conn)
	lens := testLens()
	raw := fmt.Appendf(nil, `{"update_id":1,"edited_message":{"message_id":10,"edit_date":5,"text":"canary","chat":{"id":77,"type":"private"},"from":{"id":77}}}`)
	if err := r.intake.take(t.Context(), lens.read(raw, received), received); err != nil {
		t.Fatal(err)
	}
	got, err := client.GetContent(t.Context(), &apiv1.GetContentRequest{Connection: lens.connection, Message: &eventv1.MessageRef{Chat: 77, Message: 10}})
	if object, ok := parseObject(got.GetMessage()); err != nil || !ok || object.text("text") != "canary" {
		t.Errorf("%q %v", got.GetMessage(), err)
	}
	for message, code := range map[int64]fault.Code{11: fault.NotFound, 0: fault.Invalid} {
		_, err := client.GetContent(t.Context(), &apiv1.GetContentRequest{Connection: lens.connection, Message: &eventv1.MessageRef{Chat: 77, Message: message}})
		if !fault.Is(err, code) {
			t.Errorf("message %d: %v, want %v", message, err, code)
		}
	}
}

func TestTitleIsTheNameWithoutSquares(t *testing.T) {
	for name, want := range map[string]string{
		"🟪 Anna": "Anna", "Anna": "Anna", "⬛🟨  VIP 🟪": "VIP 🟪", "🟪": "", "  ": "",
	} {
		if got := titleOf(name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}

// A name given by hand lies with the profile, and outlives the customer's next message; a topic of the team's own leaves nothing.
func TestNameOfATopicLiesWithTheProfile(t *testing.T) {
	r := newRig(t, Config{})
	take := func(update string) reading {
		t.Helper()
		read := testLens().read([]byte(update), received)
		if err := r.intake.take(t.Context(), read, received); err != nil {
			t.Fatal(err)
		}
		return read
	}
	rename := func(thread int64, name string) {
		take(fmt.Sprintf(`{"update_id":1,"message":{"message_id":200,"message_thread_id":%d,"is_topic_message":true,"date":1,`+
			`"chat":{"id":%d,"type":"supergroup"},"from":{"id":9},"forum_topic_edited":{"name":%q}}}`, thread, testGroup, name))
	}
	write := func(first string) {
		take(fmt.Sprintf(`{"update_id":1,"message":{"message_id":1,"date":1,"text":"x","chat":{"id":77,"type":"private"},"from":{"id":77,"first_name":%q}}}`, first))
	}
	write("Anna")
	rename(testThread, "🟪 VIP")
	write("Anna B")
	if p := r.profiles.stored[77]; p.GetTitle() != "VIP" || p.GetFirstName() != "Anna B" {
		t.Errorf("%v", p)
	}
	rename(testThread, "🟨 Anna B")
	if p := r.profiles.stored[77]; p.GetTitle() != "" {
		t.Errorf("the customer's own name is kept as a title: %v", p)
	}
	facts := len(r.log.facts)
	rename(testThread+1, "team lunch")
	if len(r.log.facts) != facts || len(r.profiles.stored) != 1 {
		t.Error("the name of a topic of the team's own left a trace")
	}
}

// What comes behind the news of the move is read in the new group, in the same batch.
func TestMoveOfTheGroupIsFollowedAtOnce(t *testing.T) {
	r := newRig(t, Config{})
	l := newLink(r.Service, record("polling", 1))
	s := &source{link: l, bot: 123456, username: "desk_bot"}
	moved := s.read(s.lens(), fmt.Appendf(nil, `{"update_id":1,"message":{"message_id":1,"date":1,"chat":{"id":%d,"type":"group"},"from":{"id":9},"migrate_to_chat_id":-100999}}`, testGroup), received)
	if moved.fact.GetGroupMigration().GetTo() != -100999 {
		t.Fatalf("%v", moved.fact)
	}
	after := `{"update_id":2,"message":{"message_id":5,"message_thread_id":3,"is_topic_message":true,"date":1,"text":"x","chat":{"id":-100999,"type":"supergroup"},"from":{"id":9}}}`
	if got := s.read(s.lens(), []byte(after), received); got.fact.GetGroupMessage().GetChat() != -100999 {
		t.Errorf("%s %v", got.result, got.fact)
	}
	r2 := record("polling", 2)
	r2.Configured.Group = -100555
	l.update(r2)
	if got := s.lens().group; got != -100555 {
		t.Errorf("a newer configuration does not count: %d", got)
	}
}
