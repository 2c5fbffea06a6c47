package simulator

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// webhook is the state of a bot's webhook. Each lane delivers its updates one
// after another, the lanes in parallel up to the limit of connections.
type webhook struct {
	url     string
	secret  string
	max     int
	setAt   time.Time
	lanes   map[laneKey][]*update
	slots   chan struct{}
	client  *http.Client
	ctx     context.Context
	cancel  context.CancelFunc
	errAt   int64
	errText string
}

func (h *webhook) cancelLocked() {
	if h.cancel != nil {
		h.cancel()
	}
	*h = webhook{setAt: h.setAt}
}

func setWebhook(c *call) ([]byte, *apiError) {
	b, s := c.b, c.s
	target := c.p.str("url")
	if target == "" {
		return deleteWebhook(c)
	}
	u, err := url.Parse(target)
	if err != nil || u.Host == "" {
		return nil, badRequest("bad webhook: invalid webhook URL specified")
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, badRequest("bad webhook: the simulator delivers to loopback only")
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, badRequest("bad webhook: An HTTPS URL must be provided for webhook")
	}
	secret := c.p.str("secret_token")
	if len(secret) > 256 || strings.Trim(secret, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
		return nil, badRequest("secret token contains unallowed characters")
	}
	now := time.Now()
	if now.Sub(b.hook.setAt) < s.cfg.RetryUnit {
		return nil, tooMany(1)
	}
	n := int(c.p.int64("max_connections"))
	if n < 1 || n > 100 {
		n = 40
	}
	b.queue.allow(c.p)
	if c.p.bool("drop_pending_updates") {
		b.queue.forget(len(b.queue.items))
	}
	b.poll.cancel(conflict("terminated by setWebhook request"))
	b.hook.cancelLocked()
	b.hook = webhook{url: target, secret: secret, max: n, setAt: now}
	s.kickWebhook(b)
	c.note = "Webhook was set"
	return []byte(`true`), nil
}

func deleteWebhook(c *call) ([]byte, *apiError) {
	c.note = "Webhook is already deleted"
	if c.b.hook.url != "" {
		c.note = "Webhook was deleted"
	}
	c.b.hook.cancelLocked()
	if c.p.bool("drop_pending_updates") {
		c.b.queue.forget(len(c.b.queue.items))
	}
	return []byte("true"), nil
}

func getWebhookInfo(c *call) ([]byte, *apiError) {
	h := &c.b.hook
	b := appendString([]byte(`{"url":`), h.url)
	b = append(b, `,"has_custom_certificate":false`...)
	b = appendIntField(b, "pending_update_count", int64(c.b.queue.pending()))
	if h.url != "" {
		b = appendIntField(b, "max_connections", int64(h.max))
		b = appendField(b, "ip_address", "127.0.0.1")
	}
	if h.errAt != 0 {
		b = appendField(appendIntField(b, "last_error_date", h.errAt), "last_error_message", h.errText)
	}
	if c.b.queue.allowed != nil {
		b = append(b, `,"allowed_updates":[`...)
		for i, k := range sortedKeys(c.b.queue.allowed) {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(b, k)
		}
		b = append(b, ']')
	}
	return append(b, '}'), nil
}

// kickWebhook starts delivering what waits, once the server runs.
func (s *Server) kickWebhook(b *Bot) {
	h := &b.hook
	if h.url == "" || s.life == nil || h.ctx != nil {
		return
	}
	h.ctx, h.cancel = context.WithCancel(s.life)
	h.lanes = map[laneKey][]*update{}
	h.slots = make(chan struct{}, h.max)
	h.client = &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: h.max, MaxConnsPerHost: h.max},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for _, u := range b.queue.items {
		if !u.done {
			s.enqueueWebhook(b, u)
		}
	}
}

func (s *Server) enqueueWebhook(b *Bot, u *update) {
	h := &b.hook
	if h.ctx == nil {
		return // kickWebhook takes it from the queue
	}
	list, running := h.lanes[u.lane]
	h.lanes[u.lane] = append(list, u)
	if running {
		return
	}
	d := &laneDelivery{s: s, b: b, lane: u.lane, ctx: h.ctx, url: h.url, secret: h.secret, client: h.client, slots: h.slots}
	s.bg.Go(d.run)
}

// laneDelivery delivers one lane until it is empty.
type laneDelivery struct {
	s      *Server
	b      *Bot
	lane   laneKey
	ctx    context.Context
	url    string
	secret string
	client *http.Client
	slots  chan struct{}
}

func (d *laneDelivery) run() error {
	failures := 0
	for {
		u := d.next()
		if u == nil {
			return nil
		}
		wait, ok := d.deliver(u, failures)
		if ok {
			failures = 0
			d.settle(u)
			continue
		}
		failures++
		pause(d.ctx, wait)
	}
}

// next is the head of the lane; an empty lane ends.
func (d *laneDelivery) next() *update {
	d.s.mu.Lock()
	defer d.s.mu.Unlock()
	if d.ctx.Err() != nil {
		return nil
	}
	h := &d.b.hook
	for list := h.lanes[d.lane]; len(list) > 0; list = list[1:] {
		if u := list[0]; !u.done && !d.s.clock.Now().After(u.expires) {
			h.lanes[d.lane] = list
			return u
		}
		d.b.queue.finish(list[0])
	}
	delete(h.lanes, d.lane)
	return nil
}

func (d *laneDelivery) settle(u *update) {
	d.s.mu.Lock()
	if d.ctx.Err() == nil {
		d.b.queue.finish(u)
	}
	d.s.mu.Unlock()
	d.s.notify()
}

// deliver posts u once. It returns how long to wait after a failure: nothing
// after the first, then 2, 4, 8 … seconds.
func (d *laneDelivery) deliver(u *update, failures int) (time.Duration, bool) {
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	case <-d.ctx.Done():
		return 0, false
	}
	req, err := http.NewRequestWithContext(d.ctx, http.MethodPost, d.url, bytes.NewReader(u.data))
	if err != nil {
		return d.failed(err.Error(), failures, 0)
	}
	req.Header.Set("Content-Type", "application/json")
	if d.secret != "" {
		req.Header.Set("X-Telegram-Bot-Api-Secret-Token", d.secret)
	}
	d.s.handedByHook(u)
	resp, err := d.client.Do(req)
	if err != nil {
		return d.failed("Connection failed", failures, 0)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	resp.Body.Close()
	if err != nil {
		return d.failed("Connection closed", failures, 0)
	}
	if resp.StatusCode/100 != 2 {
		after, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		return d.failed("Wrong response from the webhook: "+resp.Status, failures, min(after, 3600))
	}
	d.reply(body)
	return 0, true
}

func (s *Server) handedByHook(u *update) {
	s.mu.Lock()
	if s.load != nil && u.msg != nil {
		s.load.handed(u.msg)
	}
	s.mu.Unlock()
}

func (d *laneDelivery) failed(text string, failures, after int) (time.Duration, bool) {
	s := d.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.ctx.Err() == nil {
		d.b.hook.errAt, d.b.hook.errText = s.clock.Now().Unix(), text
	}
	if after > 0 {
		return time.Duration(after) * s.cfg.RetryUnit, false
	}
	if failures == 0 {
		return 0, false
	}
	top := 60 + s.rng.IntN(61)
	return time.Duration(min(1<<min(failures, 10), top)) * s.cfg.RetryUnit, false
}

// reply executes a method that the webhook's answer names.
func (d *laneDelivery) reply(body []byte) {
	p, err := appendJSON(nil, body)
	method := strings.ToLower(p.str("method"))
	if err != nil || method == "" || strings.HasPrefix(method, "get") || strings.HasSuffix(method, "webhook") {
		return
	}
	if h, ok := d.s.methods[method]; ok {
		c := &call{s: d.s, b: d.b, method: method, p: p}
		d.s.beginCall(c)
		_, apiErr := d.s.execute(d.ctx, c, h)
		d.s.endCall(c, apiErr)
	}
}
