package nearest

import "testing"

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "open", 4}, {"open", "", 4}, {"open", "open", 0}, {"opne", "open", 1}, {"opn", "open", 1},
		{"openn", "open", 1}, {"oben", "open", 1}, {"wait", "hold", 4}, {"ab", "ba", 1},
	} {
		if got := distance([]rune(c.a), []rune(c.b)); got != c.want {
			t.Errorf("%q %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestGuesses(t *testing.T) {
	known := []string{"close", "hold", "open", "wait"}
	for word, want := range map[string][2]string{
		"clsoe": {"close", "close"}, "oepn": {"open", "open"}, "frobnicate": {"close", ""}, "": {"hold", ""},
	} {
		if of, near := Of(word, known), Close(word, known); of != want[0] || near != want[1] {
			t.Errorf("%q: %q and %q, want %q", word, of, near, want)
		}
	}
	if got := Of("x", nil) + Close("x", nil); got != "" {
		t.Errorf("a guess from nothing: %q", got)
	}
}
