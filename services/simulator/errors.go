package simulator

import (
	"net/http"
	"strconv"
)

// apiError is a refusal in Telegram's words.
type apiError struct {
	code    int
	text    string
	retry   int   // parameters.retry_after, seconds
	migrate int64 // parameters.migrate_to_chat_id
}

func badRequest(text string) *apiError { return &apiError{code: 400, text: "Bad Request: " + text} }
func forbidden(text string) *apiError  { return &apiError{code: 403, text: "Forbidden: " + text} }
func conflict(text string) *apiError   { return &apiError{code: 409, text: "Conflict: " + text} }
func errRestart() *apiError {
	return &apiError{code: 500, text: "Internal Server Error: restart"}
}

func tooMany(seconds int) *apiError {
	return &apiError{code: 429, text: "Too Many Requests: retry after " + strconv.Itoa(seconds), retry: seconds}
}

// write sends the error envelope; the HTTP status equals the code.
func (e *apiError) write(w http.ResponseWriter) {
	b := append([]byte(`{"ok":false,"error_code":`), strconv.Itoa(e.code)...)
	b = append(b, `,"description":`...)
	b = appendString(b, e.text)
	switch {
	case e.retry > 0:
		w.Header().Set("Retry-After", strconv.Itoa(e.retry))
		b = append(b, `,"parameters":{"retry_after":`...)
		b = append(strconv.AppendInt(b, int64(e.retry), 10), '}')
	case e.migrate != 0:
		b = append(b, `,"parameters":{"migrate_to_chat_id":`...)
		b = append(strconv.AppendInt(b, e.migrate, 10), '}')
	}
	b = append(b, '}')
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(e.code)
	w.Write(b)
}

const (
	textThreadNotFound = "message thread not found"
	textReplyNotFound  = "message to be replied not found"
	textChatNotFound   = "chat not found"
	textNotModified    = "message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message"
)
