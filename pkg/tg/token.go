package tg

import (
	"errors"
	"strconv"
	"strings"

	"github.com/hotline-desk/hotline/pkg/config"
)

// ErrToken: the text has not the form of a bot token, digits:secret. The error never shows it.
var ErrToken = errors.New("not a bot token: it has the form 123456:ABC… as @BotFather gives it")

// minSecret is below what Telegram issues (35), so that other servers' tokens pass, and above what a typing error leaves.
const minSecret = 20

// ParseToken returns the id of the bot that a token belongs to, or ErrToken. Only the form is checked.
func ParseToken(token config.Secret) (bot int64, err error) {
	digits, secret, found := strings.Cut(token.Reveal(), ":")
	if !found || len(secret) < minSecret || strings.TrimLeft(digits, "0123456789") != "" {
		return 0, ErrToken
	}
	for _, c := range []byte(secret) {
		if !tokenByte(c) {
			return 0, ErrToken
		}
	}
	bot, err = strconv.ParseInt(digits, 10, 64)
	if err != nil || bot <= 0 {
		return 0, ErrToken
	}
	return bot, nil
}

func tokenByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '_' || c == '-'
}
