package config

import (
	"fmt"
	"io"
)

const mask = "***"

// Secret is a value that prints as ***, whatever the verb or the encoder. The zero
// Secret is empty. Secrets are compared by what Reveal returns, not by ==.
type Secret struct {
	v *string // behind a pointer, so that no formatting of an enclosing value shows it
}

// NewSecret hides v; an empty v gives the zero Secret.
func NewSecret(v string) Secret {
	if v == "" {
		return Secret{}
	}
	return Secret{v: &v}
}

// Set says whether there is a value.
func (s Secret) Set() bool { return s.v != nil }

// Reveal returns the value, "" when there is none. It is for the call that needs it;
// never for a log line, an error or a URL that is printed.
func (s Secret) Reveal() string {
	if s.v == nil {
		return ""
	}
	return *s.v
}

// String returns ***, or "" for an empty Secret.
func (s Secret) String() string {
	if s.v == nil {
		return ""
	}
	return mask
}

// Format prints String for every verb.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// MarshalText hides the value from encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
