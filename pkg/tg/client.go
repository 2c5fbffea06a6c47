package tg

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/seal"
)

const (
	defaultTimeout = 30 * time.Second
	pollMargin     = 10 * time.Second // beyond the timeout that getUpdates asks the server for
	maxAnswer      = 16 << 20         // four times the largest reply to getUpdates
	idleConns      = 256
	idleTimeout    = 30 * time.Second // below what servers keep, so that calls seldom meet a closing connection
	methodPoll     = "getUpdates"
)

// Client calls the Bot API for one bot. It is safe for concurrent use, and never repeats a call.
type Client struct {
	base    url.URL
	bad     error // the root cannot be used
	token   config.Secret
	timeout time.Duration
	http    *http.Client
	line    line
}

// Option changes a Client at its construction.
type Option func(*Client)

// WithTimeout sets how long a call may take at most, 30 s by default.
func WithTimeout(d time.Duration) Option { return func(c *Client) { c.timeout = d } }

// WithTransport replaces the transport, for instance by one that several clients share.
func WithTransport(rt http.RoundTripper) Option { return func(c *Client) { c.http.Transport = rt } }

// NewTransport returns the transport that clients use by default: HTTP/1.1, kept alive, as many connections as calls in
// flight.
func NewTransport() *http.Transport {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		MaxIdleConnsPerHost:   idleConns,
		IdleConnTimeout:       idleTimeout,
		ExpectContinueTimeout: time.Second,
		DisableCompression:    true,
		Protocols:             &protocols,
	}
}

// NewClient returns a client for the bot that token belongs to, at a Bot API root such as https://api.telegram.org. A root
// that is no URL makes every call return ErrRoot.
func NewClient(root string, token config.Secret, opts ...Option) *Client {
	c := &Client{token: token, timeout: defaultTimeout, http: &http.Client{
		Transport:     NewTransport(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	base, err := url.Parse(strings.TrimRight(root, "/"))
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		c.bad = ErrRoot
	} else {
		c.base = *base
	}
	for _, opt := range opts {
		opt(c)
	}
	return c
}

// Close drops idle connections. Calls in flight go on.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Travel is how much of a call's time is spent on the way to the server and back, at least, as far as connections and calls
// have shown; 0 until then. It never grows.
func (c *Client) Travel() time.Duration { return c.line.travel() }

// Call posts params as JSON to a method and decodes the answer's result into result, which may be nil. It ends with ctx,
// and after the client's timeout at the latest (getUpdates: after the timeout it asks for, and ten seconds). Errors:
// *Error, *TransportError; Classify tells what can be done about them.
func (c *Client) Call(ctx context.Context, method string, params, result any) error {
	body, err := encode(params)
	if err != nil {
		return &TransportError{Method: method, Err: fmt.Errorf("encode parameters: %w", err)}
	}
	if c.bad != nil {
		return &TransportError{Method: method, Err: c.bad}
	}
	ctx, cancel := context.WithTimeout(ctx, c.deadline(method, body))
	defer cancel()

	var progress written
	trace, began := progress.trace(), time.Now()
	c.line.trace(trace)
	resp, err := c.http.Do(c.request(httptrace.WithClientTrace(ctx, trace), method, body))
	if err != nil {
		return &TransportError{Method: method, Sent: progress.maybe(), Err: withoutURL(err)}
	}
	defer resp.Body.Close()
	answer, err := read(resp)
	if err != nil {
		return &TransportError{Method: method, Sent: true, Status: resp.StatusCode, Err: err}
	}
	shorten(&c.line.called, time.Since(began))
	return c.settle(method, body, resp, answer, result)
}

func encode(params any) ([]byte, error) {
	if params == nil {
		return []byte("{}"), nil
	}
	return json.Marshal(params)
}

func (c *Client) deadline(method string, body []byte) time.Duration {
	if !strings.EqualFold(method, methodPoll) {
		return c.timeout
	}
	var asked struct {
		Timeout int64 `json:"timeout"`
	}
	if json.Unmarshal(body, &asked) != nil || asked.Timeout < 0 {
		return c.timeout
	}
	return time.Duration(asked.Timeout)*time.Second + pollMargin
}

// request is put together by hand: http.NewRequest would quote the URL, and with it the token, in its errors.
func (c *Client) request(ctx context.Context, method string, body []byte) *http.Request {
	target := c.base
	target.Path += "/bot" + c.token.Reveal() + "/" + method
	target.RawPath = ""
	req := &http.Request{
		Method: http.MethodPost, URL: &target, Host: target.Host,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}},
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
		// Lets the transport take another connection when it has written nothing to a dead one; never after a byte.
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
	}
	return req.WithContext(ctx)
}

// written follows how far a request came. From the moment it has a connection it may have been sent, unless writing it is
// known to have failed: a server cannot act on half a body.
type written struct{ sent atomic.Bool }

func (w *written) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { w.sent.Store(true) },
		WroteRequest: func(info httptrace.WroteRequestInfo) {
			if info.Err != nil {
				w.sent.Store(false)
			}
		},
	}
}

func (w *written) maybe() bool { return w.sent.Load() }

func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

func read(resp *http.Response) ([]byte, error) {
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if len(answer) > maxAnswer {
		return nil, ErrTooLarge
	}
	return answer, nil
}

type envelope struct {
	OK          bool            `json:"ok"`
	Result      json.RawMessage `json:"result"`
	Code        int             `json:"error_code"`
	Description string          `json:"description"`
	Parameters  struct {
		RetryAfter int64 `json:"retry_after"`
		MigrateTo  int64 `json:"migrate_to_chat_id"`
	} `json:"parameters"`
}

// settle turns an answer into the result or an error.
func (c *Client) settle(method string, body []byte, resp *http.Response, answer []byte, result any) error {
	var env envelope
	if err := json.Unmarshal(answer, &env); err != nil || !env.OK && env.Code == 0 {
		if resp.StatusCode != http.StatusTooManyRequests {
			return &TransportError{Method: method, Sent: true, Status: resp.StatusCode,
				Err: fmt.Errorf("status %d: %w", resp.StatusCode, ErrAnswer)}
		}
		env = envelope{Code: resp.StatusCode, Description: http.StatusText(resp.StatusCode)}
	}
	if !env.OK {
		return &Error{
			Method: method, Code: env.Code, Description: seal.Redact(env.Description), MigrateTo: env.Parameters.MigrateTo,
			RetryAfter: retryAfter(&env, resp.Header), Chat: chatOf(body),
		}
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(env.Result, result); err != nil {
		// The decoder's own words may quote the answer.
		return &TransportError{Method: method, Sent: true, Status: resp.StatusCode, Err: fmt.Errorf("result is no %T: %w", result, ErrAnswer)}
	}
	return nil
}

func retryAfter(env *envelope, header http.Header) time.Duration {
	if env.Code != http.StatusTooManyRequests {
		return 0
	}
	seconds := env.Parameters.RetryAfter
	if seconds <= 0 {
		if n, err := strconv.ParseInt(header.Get("Retry-After"), 10, 64); err == nil {
			seconds = n
		}
	}
	return time.Duration(max(seconds, 1)) * time.Second
}

func chatOf(body []byte) int64 {
	var call struct {
		Chat json.RawMessage `json:"chat_id"`
	}
	if json.Unmarshal(body, &call) != nil {
		return 0
	}
	chat, err := strconv.ParseInt(string(bytes.Trim(call.Chat, `"`)), 10, 64)
	if err != nil {
		return 0 // a username, or no chat
	}
	return chat
}
