package tg

import (
	"errors"
	"fmt"
	"time"

	"github.com/hotline-desk/hotline/pkg/seal"
)

// Error is a refusal in Telegram's own words: the call was not carried out, except where Classify says otherwise.
type Error struct {
	Method      string
	Code        int           // HTTP status and error_code
	Description string        // as sent, tokens redacted
	RetryAfter  time.Duration // how long to leave the chat alone; at least a second when Code is 429, else 0
	MigrateTo   int64         // id of the supergroup that the group became; 0 otherwise
	Chat        int64         // numeric chat_id of the call; 0 when it had none
}

// Error gives method, code and description.
func (e *Error) Error() string { return fmt.Sprintf("%s: %d %s", e.Method, e.Code, e.Description) }

// TransportError is a call without an answer of Telegram's.
type TransportError struct {
	Method string
	Sent   bool // false: certainly not carried out, for the request was never written as a whole
	Status int  // HTTP status of an answer that was not the Bot API's; 0 when there was none
	Err    error
}

// Error names the method and the fault, without URL and token.
func (e *TransportError) Error() string {
	return fmt.Sprintf("%s: %s", e.Method, seal.Redact(e.Err.Error()))
}

// Unwrap returns the fault, so that ended contexts can be told apart.
func (e *TransportError) Unwrap() error { return e.Err }

// Errors inside a TransportError.
var (
	// ErrAnswer: something answered that is not the Bot API (a proxy's page, a wrong API root), or it answered nonsense.
	ErrAnswer = errors.New("not an answer of the Bot API")
	// ErrTooLarge: the answer is larger than the client reads.
	ErrTooLarge = errors.New("answer too large")
	// ErrRoot: the API root is no http or https URL.
	ErrRoot = errors.New("the API root is not a URL like https://api.telegram.org")
)
