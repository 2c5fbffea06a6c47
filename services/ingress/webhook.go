package ingress

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hotline-desk/hotline/pkg/config"
)

const (
	hookPrefix = "/telegram/"
	// HookPattern is where Handler belongs on the server that HOTLINE_WEBHOOK_URL leads to.
	HookPattern = "POST " + hookPrefix + "{hook}"

	secretHeader    = "X-Telegram-Bot-Api-Secret-Token"
	maxConnections  = 100 // Telegram's most; each chat has one call at a time
	maxUpdate       = 4 << 20
	maxDrained      = 64 << 20 // of a body that is too large: answering before it is read would look like a failure
	readUpdate      = 30 * time.Second
	publishTime     = 10 * time.Second
	checkWebhook    = time.Minute
	retryAfterBreak = "1"
)

var errNoWebhookURL = errors.New("no webhook URL")

// hooked has Telegram call. The path and the secret header are derived from the token, so that all instances agree on them
// and a new token changes both.
type hooked struct {
	source
	token config.Secret
}

func derive(token config.Secret, purpose string) string {
	mac := hmac.New(sha256.New, []byte(token.Reveal()))
	mac.Write([]byte("hotline webhook " + purpose)) // never fails
	return hex.EncodeToString(mac.Sum(nil)[:20])
}

func hookPath(token config.Secret) string   { return derive(token, "path") }
func hookSecret(token config.Secret) string { return derive(token, "secret") }

type webhookParams struct {
	URL            string   `json:"url"`
	Secret         string   `json:"secret_token"`
	MaxConnections int      `json:"max_connections"`
	Allowed        []string `json:"allowed_updates"`
	DropPending    bool     `json:"drop_pending_updates"` // never
}

// run takes calls until ctx ends or the token is refused. The webhook stays set: what comes while nobody listens waits at
// Telegram.
func (h *hooked) run(ctx context.Context) error {
	if h.link.service.cfg.WebhookURL == "" {
		h.link.health.trouble("HOTLINE_WEBHOOK_URL is not set, and this connection takes its updates by webhook", true)
		return errNoWebhookURL
	}
	target := strings.TrimRight(h.link.service.cfg.WebhookURL, "/") + hookPrefix + hookPath(h.token)
	defer h.link.service.hooks.add(hookPath(h.token), &hook{source: &h.source, secret: []byte(hookSecret(h.token))})()
	for ctx.Err() == nil {
		err := h.repeat(ctx, func() error {
			return h.caller.Call(ctx, "setWebhook", webhookParams{
				URL: target, Secret: hookSecret(h.token), MaxConnections: maxConnections, Allowed: wanted(),
			}, nil)
		})
		if err != nil {
			return err
		}
		h.works()
		if err := h.guard(ctx, target); err != nil {
			return err
		}
		if ctx.Err() == nil {
			h.link.health.trouble("another program removed or replaced the webhook; it is set again. Stop that program, or give Hotline a bot of its own", true)
		}
	}
	return ctx.Err()
}

// guard returns nil when the webhook is not ours any more or ctx has ended, and an error when the token is refused.
func (h *hooked) guard(ctx context.Context, target string) error {
	for wait(ctx, checkWebhook) {
		var info struct {
			URL string `json:"url"`
		}
		err := h.repeat(ctx, func() error { return h.caller.Call(ctx, "getWebhookInfo", nil, &info) })
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if info.URL != target {
			return nil
		}
		h.works()
	}
	return nil
}

// hook is one connection's webhook.
type hook struct {
	source *source
	secret []byte
}

// hooks serves the webhooks of all connections. Calls for one chat take turns in the order in which they came.
type hooks struct {
	intake *intake

	mu     sync.Mutex
	byPath map[string]*hook
	turns  turns
}

func newHooks(in *intake) *hooks {
	return &hooks{intake: in, byPath: map[string]*hook{}, turns: turns{lines: map[string][]chan struct{}{}}}
}

// add returns what takes the hook away again.
func (h *hooks) add(path string, k *hook) (remove func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.byPath[path] = k
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.byPath[path] == k {
			delete(h.byPath, path)
		}
	}
}

func (h *hooks) find(path string) (k *hook, open bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.byPath[path], len(h.byPath) > 0
}

// ServeHTTP answers 200 when the update is in the log or nothing can be made of it, and 503 when it has to come again.
func (h *hooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status := h.serve(w, r)
	h.intake.metrics.hooks.WithLabelValues(strconv.Itoa(status)).Inc()
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", retryAfterBreak)
	}
	w.WriteHeader(status)
}

func (h *hooks) serve(w http.ResponseWriter, r *http.Request) int {
	k, open := h.find(r.PathValue("hook"))
	switch {
	case k == nil && !open: // starting or stopping
		return http.StatusServiceUnavailable
	case k == nil:
		return http.StatusNotFound
	case subtle.ConstantTimeCompare([]byte(r.Header.Get(secretHeader)), k.secret) != 1:
		return http.StatusForbidden
	}
	received := time.Now()
	// A server that cannot set deadlines bounds the call by itself.
	_ = http.NewResponseController(w).SetReadDeadline(received.Add(readUpdate))
	body, err := io.ReadAll(io.LimitReader(r.Body, maxUpdate+1))
	if err != nil {
		return http.StatusServiceUnavailable
	}
	if len(body) > maxUpdate {
		if _, err := io.Copy(io.Discard, io.LimitReader(r.Body, maxDrained)); err != nil {
			return http.StatusServiceUnavailable
		}
		h.intake.metrics.oversize()
		return http.StatusOK
	}
	return h.take(r.Context(), k, body, received)
}

func (h *hooks) take(ctx context.Context, k *hook, body []byte, received time.Time) int {
	ctx, cancel := context.WithTimeout(ctx, publishTime)
	defer cancel()
	l := k.source.lens()
	read := l.read(body, received)
	if read.fact != nil {
		leave, err := h.turns.enter(ctx, l.connection+"/"+read.place)
		if err != nil {
			return http.StatusServiceUnavailable
		}
		defer leave()
	}
	if err := k.source.take(ctx, read, received); err != nil {
		if !errors.Is(err, context.Canceled) {
			k.source.link.health.trouble(notTaken(err), false)
		}
		return http.StatusServiceUnavailable
	}
	k.source.link.health.ok()
	return http.StatusOK
}
