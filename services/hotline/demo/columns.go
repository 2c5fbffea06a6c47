package demo

import (
	"strings"
	"unicode"
)

// wrap breaks text into lines of at most limit columns; a longer word is cut.
func wrap(text string, limit int) []string {
	var lines []string
	for paragraph := range strings.SplitSeq(text, "\n") {
		line := ""
		for word := range strings.FieldsSeq(paragraph) {
			for width(word) > limit {
				head, rest := cut(word, limit)
				lines = appendLine(lines, line)
				lines, line, word = append(lines, head), "", rest
			}
			switch {
			case line == "":
				line = word
			case width(line)+1+width(word) <= limit:
				line += " " + word
			default:
				lines, line = append(lines, line), word
			}
		}
		lines = appendLine(lines, line)
	}
	return lines
}

func appendLine(lines []string, line string) []string {
	if line == "" {
		return lines
	}
	return append(lines, line)
}

// cut splits text so that head has at most limit columns.
func cut(text string, limit int) (head, rest string) {
	n := 0
	for i, r := range text {
		if n += columns(r); n > limit {
			return text[:i], text[i:]
		}
	}
	return text, ""
}

// width is how many columns text takes on a terminal, as far as a demo has to know.
func width(text string) int {
	n := 0
	for _, r := range text {
		n += columns(r)
	}
	return n
}

func columns(r rune) int {
	switch {
	case unicode.Is(unicode.Mn, r), r == '\u200d', r >= 0xfe00 && r <= 0xfe0f:
		return 0
	case r >= 0x1f000, r >= 0x2b1b && r <= 0x2b50, r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0xd7a3, r >= 0xff00 && r <= 0xff60:
		return 2
	}
	return 1
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}
