package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hotline-desk/hotline/pkg/view"
)

// ErrNotRunning: no process runs on the data directory, or it is just starting.
var ErrNotRunning = errors.New("no Hotline process runs there")

const answerLimit = 64 << 20

// Parked is a fact that was set aside because it could not be decided.
type Parked struct {
	Connection string    `json:"connection"`
	Key        string    `json:"key"` // what is released together, in order
	Service    string    `json:"service"`
	Seq        uint64    `json:"seq"` // in the stream PARKED
	Reason     string    `json:"reason"`
	At         time.Time `json:"at"`
}

// Client asks the process that runs on a data directory. It is safe for concurrent use.
type Client struct{ door door }

// Dial finds the process that runs on the data directory at path; ErrNotRunning when
// there is none.
func Dial(path string) (*Client, error) {
	text, err := os.ReadFile(filepath.Join(path, controlFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("HOTLINE_DATA: %s: %w; name the data directory of a running one", path, ErrNotRunning)
	}
	if err != nil {
		return nil, fmt.Errorf("HOTLINE_DATA: %w", err)
	}
	c := &Client{}
	if err := json.Unmarshal(text, &c.door); err != nil {
		return nil, fmt.Errorf("HOTLINE_DATA: %s: %w", controlFile, err)
	}
	return c, nil
}

// Parked lists what is parked, of one connection or (empty) of all.
func (c *Client) Parked(ctx context.Context, connection string) ([]Parked, error) {
	var list []Parked
	err := c.call(ctx, http.MethodGet, "/parked", url.Values{"connection": {connection}}, &list)
	return list, err
}

// Release asks the consumers to try what is parked under key again, now.
func (c *Client) Release(ctx context.Context, connection, key string) error {
	return c.call(ctx, http.MethodPost, "/release", url.Values{"connection": {connection}, "key": {key}}, nil)
}

// Rebuild builds a view anew beside the live one and switches over; it returns when that
// is done.
func (c *Client) Rebuild(ctx context.Context, name string) (view.Report, error) {
	var report view.Report
	err := c.call(ctx, http.MethodPost, "/rebuild", url.Values{"view": {name}}, &report)
	return report, err
}

func (c *Client) call(ctx context.Context, method, path string, query url.Values, answer any) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+c.door.Address+path+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+c.door.Key)
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%w (%w)", ErrNotRunning, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, answerLimit))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return errors.New(strings.TrimSpace(string(body)))
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return fmt.Errorf("understand the answer: %w", err)
	}
	return nil
}
