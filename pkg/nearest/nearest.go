// Package nearest guesses which known word a mistyped one was meant to be. It owns the measure of likeness and nothing
// else; it refuses to decide what to do about the guess.
package nearest

// Of returns the known word with the fewest changes to word, the first of them on a tie; "" when none is known.
func Of(word string, known []string) string {
	best, least := "", 0
	for _, k := range known {
		if d := distance([]rune(word), []rune(k)); best == "" || d < least {
			best, least = k, d
		}
	}
	return best
}

// Close is Of, but "" when even the best guess is far off: when a third of the word and more would have to change.
func Close(word string, known []string) string {
	best := Of(word, known)
	if best == "" || distance([]rune(word), []rune(best)) >= len(word)/3+2 {
		return ""
	}
	return best
}

// distance counts insertions, deletions, replacements and swaps of neighbours (the optimal string alignment distance).
func distance(a, b []rune) int {
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := range a {
		row[0] = i + 1
		for j := range b {
			change := 1
			if a[i] == b[j] {
				change = 0
			}
			row[j+1] = min(above[j+1]+1, row[j]+1, above[j]+change)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}
