package seal

import "strings"

// MinTokenSecret is the shortest secret part of a bot token that Redact recognises.
const MinTokenSecret = 20

// Redact replaces the secret part of everything that looks like a bot token (digits, a
// colon, at least MinTokenSecret token characters), also where the colon is
// percent-encoded. The bot's id, which is public, stays.
func Redact(text string) string {
	var out strings.Builder
	done := 0
	for {
		from, to := findSecret(text, done)
		if from < 0 {
			break
		}
		out.WriteString(text[done:from])
		out.WriteString("***")
		done = to
	}
	if done == 0 {
		return text
	}
	out.WriteString(text[done:])
	return out.String()
}

// findSecret returns the bounds of the secret part of the first token whose colon stands
// at start or later, -1 when there is none.
func findSecret(text string, start int) (from, to int) {
	for i := max(1, start); i < len(text); i++ {
		skip := 0
		switch {
		case text[i] == ':':
			skip = 1
		case text[i] == '%' && len(text) > i+2 && text[i+1] == '3' && text[i+2]|0x20 == 'a':
			skip = 3
		}
		if skip == 0 || text[i-1] < '0' || text[i-1] > '9' {
			continue
		}
		end := i + skip
		for end < len(text) && isToken(text[end]) {
			end++
		}
		if end-i-skip >= MinTokenSecret {
			return i + skip, end
		}
	}
	return -1, -1
}

func isToken(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '_' || c == '-'
}
