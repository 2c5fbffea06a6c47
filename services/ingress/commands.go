package ingress

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hotline-desk/hotline/pkg/nearest"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// topicCommands are the commands known in a dialog's topic.
func topicCommands() []string {
	return []string{"close", "del", "help", "hold", "open", "trace", "wait"}
}

// longestWord bounds how much of an unknown command is compared, in characters.
const longestWord = 64

// speech is what words in a topic are.
type speech int

const (
	speechMessage speech = iota
	speechComment        // a slash and a space: for the team
	speechCommand
	speechElsewhere // a command for another bot
)

// parser tells comments and commands from messages.
type parser struct {
	known    []string // lower case
	username string   // of the frontend bot
}

// parse reads the beginning of words. Whatever starts with a slash is never a message: sending a mistyped command to a
// customer would be worse than asking back. The command holds nothing of what was typed but a known name.
func (p parser) parse(words string) (speech, *eventv1.Command) {
	rest, slash := strings.CutPrefix(words, "/")
	if !slash {
		return speechMessage, nil
	}
	if first, _ := utf8.DecodeRuneInString(rest); rest == "" || unicode.IsSpace(first) {
		return speechComment, nil
	}
	word, arguments := rest, ""
	if end := strings.IndexFunc(rest, unicode.IsSpace); end >= 0 {
		word, arguments = rest[:end], rest[end:]
	}
	name, addressee, addressed := strings.Cut(word, "@")
	if addressed && otherBot(addressee, p.username) {
		return speechElsewhere, nil
	}
	command := &eventv1.Command{WithArguments: strings.TrimSpace(arguments) != ""}
	name = strings.ToLower(clip(name, longestWord))
	if i := slices.Index(p.known, name); i >= 0 && (addressee == "" || strings.EqualFold(addressee, p.username)) {
		command.Name = p.known[i]
		return speechCommand, command
	}
	if command.Nearest = nearest.Close(name, p.known); command.Nearest == "" {
		command.Nearest = "help" // nothing is near
	}
	return speechCommand, command
}

// otherBot tells whether a command names a bot that is not ours. Bots' names end in "bot": anything else after an @ is a
// mistake to be told, not a reason to look away.
func otherBot(name, own string) bool {
	return !strings.EqualFold(name, own) && len(name) >= 5 && strings.HasSuffix(strings.ToLower(name), "bot") &&
		strings.IndexFunc(name, func(r rune) bool {
			return r != '_' && (r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r))
		}) < 0
}

func clip(s string, runes int) string {
	for i := range s {
		if runes == 0 {
			return s[:i]
		}
		runes--
	}
	return s
}
