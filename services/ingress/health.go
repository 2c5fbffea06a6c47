package ingress

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/hotline-desk/hotline/pkg/tg"
)

// repeatEvery is how often the same trouble is said again.
const repeatEvery = time.Minute

// health is whether the updates of one connection flow, as /readyz and the log tell it.
type health struct {
	connection string
	logger     *zap.Logger

	mu       sync.Mutex
	flowing  bool // at least once, and since the last lasting trouble
	failures int  // in a row
	reason   string
	said     time.Time
}

func newHealth(connection string, logger *zap.Logger) *health {
	return &health{connection: connection, logger: logger, reason: "starting"}
}

func (h *health) ready() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.flowing {
		return nil
	}
	return fmt.Errorf("connection %s: %s", h.connection, h.reason)
}

// ok notes that updates flow.
func (h *health) ok() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.flowing || h.failures > 0 {
		h.logger.Info("updates flow", zap.String("connection", h.connection))
	}
	h.flowing, h.failures, h.reason, h.said = true, 0, "", time.Time{}
}

// trouble notes a failure and says it, the same one once a minute. A single hiccup does not make the connection unready.
func (h *health) trouble(reason string, lasting bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failures++
	if lasting || h.failures > 1 {
		h.flowing = false
	}
	if reason == h.reason && time.Since(h.said) < repeatEvery {
		return
	}
	h.reason, h.said = reason, time.Now()
	h.logger.Warn("updates do not flow", zap.String("connection", h.connection), zap.String("reason", reason))
}

// explain puts a failed call into words with a remedy; lasting means that waiting alone will not mend it.
func explain(err error) (reason string, lasting bool) {
	switch tg.Classify(err) {
	case tg.ClassBotGone:
		return "Telegram refuses the bot token: take the current one from @BotFather and set HOTLINE_BOT_TOKEN; " +
			"if it is right, check HOTLINE_TELEGRAM_API", true
	case tg.ClassConflict:
		if strings.Contains(strings.ToLower(err.Error()), "webhook") {
			return "another program has set a webhook for this bot: stop it, or give Hotline a bot of its own, " +
				"then restart Hotline; with HOTLINE_SOURCE=webhook Hotline would take the webhook over", true
		}
		return "another program polls this bot: stop it, or give Hotline a bot of its own", true
	case tg.ClassWait:
		return "Telegram asks to wait: " + err.Error(), false
	case tg.ClassNotSent:
		return "Telegram cannot be reached: check the network and HOTLINE_TELEGRAM_API: " + err.Error(), false
	case tg.ClassUnknown:
		return "Telegram gives no usable answer: check HOTLINE_TELEGRAM_API if this lasts: " + err.Error(), false
	}
	if answered, ok := errors.AsType[*tg.Error](err); ok && answered.Method == "setWebhook" {
		return "Telegram refuses the webhook: check HOTLINE_WEBHOOK_URL: " + answered.Description, true
	}
	return "Telegram refuses: " + err.Error(), true
}

// pause is how long to wait after failures in a row.
type pause struct {
	first time.Duration
	step  int
}

// next doubles up to a hundredfold, with up to half of it by chance, so that many instances do not return together. Telegram's
// own word counts more.
func (p *pause) next(err error) time.Duration {
	d := min(p.first<<min(p.step, 7), 100*p.first)
	p.step++
	d = d/2 + rand.N(d/2+1)
	if answered, ok := errors.AsType[*tg.Error](err); ok {
		d = max(d, answered.RetryAfter)
	}
	return d
}

func (p *pause) reset() { p.step = 0 }

// wait returns false when ctx ended first.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
