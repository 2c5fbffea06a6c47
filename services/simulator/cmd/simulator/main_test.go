package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestRunPrintsADesk(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	out, w := io.Pipe()
	var stderr bytes.Buffer
	code := make(chan int, 1)
	go func() { code <- run(ctx, []string{"--listen", "127.0.0.1:0", "--desk", "--limits"}, w, &stderr) }()
	vars := map[string]string{}
	for sc := bufio.NewScanner(out); sc.Scan() && sc.Text() != "# ready"; {
		if line, ok := strings.CutPrefix(sc.Text(), "export "); ok {
			k, v, _ := strings.Cut(line, "=")
			vars[k] = v
		}
	}
	if !regexp.MustCompile(`^\d+:[\w-]{35}$`).MatchString(vars["HOTLINE_BOT_TOKEN"]) || !strings.HasPrefix(vars["HOTLINE_GROUP"], "-100") || vars["HOTLINE_OWNER"] == "" {
		t.Fatal(vars)
	}
	resp, err := http.Get(vars["HOTLINE_TELEGRAM_API"] + "/bot" + vars["HOTLINE_BOT_TOKEN"] + "/getMe")
	if err != nil || resp.StatusCode != 200 {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	cancel()
	if c := <-code; c != 0 || stderr.Len() > 0 {
		t.Fatal(c, stderr.String())
	}
}

func TestRunRefuses(t *testing.T) {
	for want, args := range map[string][]string{
		"loopback only":       {"--listen", "0.0.0.0:0"},
		"unexpected argument": {"stray"},
		"not defined":         {"--nonsense"},
	} {
		var stderr bytes.Buffer
		if c := run(t.Context(), args, io.Discard, &stderr); c == 0 || !strings.Contains(stderr.String(), want) {
			t.Errorf("%v: %d %s", args, c, stderr.String())
		}
	}
}
