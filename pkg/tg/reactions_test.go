package tg

import "testing"

func TestReactionsHaveNumbers(t *testing.T) {
	for _, emoji := range []string{"👍", "👀", "💔", "❤‍🔥", "😡"} {
		n := ReactionNumber(emoji)
		if n == 0 || ReactionOf(n) != emoji || ReactionNumber(emoji+"\ufe0f") != n {
			t.Errorf("%s is %d, which is %q", emoji, n, ReactionOf(n))
		}
	}
	for _, other := range []string{"", "🦖", "text"} {
		if n := ReactionNumber(other); n != 0 {
			t.Errorf("%q is %d", other, n)
		}
	}
	if got := ReactionOf(1 << 20); got != "" {
		t.Errorf("an unknown number is %q", got)
	}
	if n := ReactionNumber("👍"); n != 1 { // in logs for ever
		t.Errorf("👍 is %d", n)
	}
}
