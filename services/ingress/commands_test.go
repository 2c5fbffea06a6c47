package ingress

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	p := parser{known: topicCommands(), username: "desk_bot"}
	for _, c := range []struct {
		words     string
		want      speech
		name      string
		nearest   string
		arguments bool
	}{
		{"", speechMessage, "", "", false},
		{"hello", speechMessage, "", "", false},
		{" /close", speechMessage, "", "", false},
		{"a /close", speechMessage, "", "", false},
		{"/", speechComment, "", "", false},
		{"/ for us", speechComment, "", "", false},
		{"/\nfor us", speechComment, "", "", false},
		{"/\u00a0for us", speechComment, "", "", false},
		{"/close", speechCommand, "close", "", false},
		{"/Close", speechCommand, "close", "", false},
		{"/close ", speechCommand, "close", "", false},
		{"/close now", speechCommand, "close", "", true},
		{"/close\nnow", speechCommand, "close", "", true},
		{"/close@desk_bot", speechCommand, "close", "", false},
		{"/close@DESK_BOT now", speechCommand, "close", "", true},
		{"/close@other_bot", speechElsewhere, "", "", false},
		{"/anything@otherbot words", speechElsewhere, "", "", false},
		{"/close@", speechCommand, "close", "", false},
		{"/close@somebody", speechCommand, "", "close", false},
		{"/closee", speechCommand, "", "close", false},
		{"/clsoe", speechCommand, "", "close", false},
		{"/hlep", speechCommand, "", "help", false},
		{"/wiat a bit", speechCommand, "", "wait", true},
		{"/del", speechCommand, "del", "", false},
		{"/DEL now", speechCommand, "del", "", true},
		{"/delete", speechCommand, "", "del", false},
		{"/trace", speechCommand, "trace", "", false},
		{"/trace@desk_bot", speechCommand, "trace", "", false},
		{"/reopen", speechCommand, "", "open", false},
		{"//", speechCommand, "", "help", false},
		{"/закрыть", speechCommand, "", "help", false},
		{"/" + strings.Repeat("x", 5000), speechCommand, "", "help", false},
	} {
		said, command := p.parse(c.words)
		if said != c.want || command.GetName() != c.name || (c.nearest != "" || c.name != "") && command.GetNearest() != c.nearest ||
			command.GetWithArguments() != c.arguments {
			t.Errorf("%.40q: %v %v", c.words, said, command)
		}
		if (command != nil) != (c.want == speechCommand) {
			t.Errorf("%.40q: command %v", c.words, command)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "/", "/ x", "/close", "/close@desk_bot x", "/x@y_bot", "/\xff\xfe", "/é́", "/@", "/close@\n"} {
		f.Add(s)
	}
	p := parser{known: topicCommands(), username: "desk_bot"}
	f.Fuzz(func(t *testing.T, words string) {
		said, command := p.parse(words)
		if strings.HasPrefix(words, "/") == (said == speechMessage) {
			t.Fatalf("%q is taken for %v", words, said)
		}
		if (said == speechCommand) != (command != nil) {
			t.Fatalf("%q: %v with %v", words, said, command)
		}
		if command != nil && (command.Name == "") == (command.Nearest == "") || !knownOrEmpty(command.GetName()) || !knownOrEmpty(command.GetNearest()) {
			t.Fatalf("%q: %v", words, command)
		}
	})
}
