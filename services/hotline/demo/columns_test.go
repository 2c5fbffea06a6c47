package demo

import (
	"slices"
	"strings"
	"testing"
)

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"", nil},
		{"short", []string{"short"}},
		{"a line that is longer", []string{"a line", "that is", "longer"}},
		{"abcdefghijklmno pq", []string{"abcdefgh", "ijklmno", "pq"}},
		{"🟪🟪🟪🟪🟪", []string{"🟪🟪🟪🟪", "🟪"}},
		{"one\ntwo", []string{"one", "two"}},
	} {
		got := wrap(c.text, 8)
		if !slices.Equal(got, c.want) {
			t.Errorf("wrap(%q) = %q, want %q", c.text, got, c.want)
		}
		for _, line := range got {
			if width(line) > 8 {
				t.Errorf("%q is wider than 8", line)
			}
		}
	}
}

func TestRowAlignsBothColumns(t *testing.T) {
	var out strings.Builder
	p := newPrinter(&out, false, -1, "Bot")
	p.row(normal, "left", "right", "remark")
	p.row(bold, "", "🟪 Ada", "")
	lines := strings.Split(out.String(), "\n")
	if lines[0] != "left"+strings.Repeat(" ", leftWidth-2)+"right  (remark)" {
		t.Errorf("%q", lines[0])
	}
	if lines[1] != strings.Repeat(" ", leftWidth+2)+"🟪 Ada" {
		t.Errorf("%q", lines[1])
	}
}
