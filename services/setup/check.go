package setup

import (
	"context"
	"errors"
	"fmt"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/tg"
)

const (
	settingToken = "HOTLINE_BOT_TOKEN"
	settingGroup = "HOTLINE_GROUP"
)

// ErrUnreachable: Telegram gave no answer that says anything about the connection. Check again later.
var ErrUnreachable = errors.New("no answer from Telegram")

// Moved is the news that a group became a supergroup with another id.
type Moved struct{ From, To int64 }

// Error names both ids.
func (m *Moved) Error() string {
	return fmt.Sprintf("the group %d was upgraded and has the id %d now", m.From, m.To)
}

// Caller is a way to the Bot API, for one bot.
type Caller interface {
	Call(ctx context.Context, method string, params, result any) error
}

type user struct {
	ID       int64  `json:"id"`
	Username string `json:"username"`
}

type chat struct {
	Type  string `json:"type"`
	Forum bool   `json:"is_forum"`
}

type member struct {
	Status       string `json:"status"`
	ManageTopics bool   `json:"can_manage_topics"`
}

// Check asks Telegram whether the bot can serve the group, and explains what is in the way: the token, the group, its
// topics, the bot's rights. Nothing to explain is an empty list. An error means that the question stays open: it is a
// Moved, and is to be asked of the other group, or it wraps ErrUnreachable, and tg.Error tells how long to wait when
// Telegram says so.
func Check(ctx context.Context, bot Caller, group int64) (config.Faults, error) {
	var me user
	if err := bot.Call(ctx, "getMe", nil, &me); err != nil {
		return explainToken(err)
	}
	var g chat
	if err := bot.Call(ctx, "getChat", map[string]any{"chat_id": group}, &g); err != nil {
		return explainGroup(err, me, group)
	}
	if g.Type == basicGroup {
		if err := probe(ctx, bot, group); err != nil {
			return explainGroup(err, me, group)
		}
	}
	if g.Type != "supergroup" {
		return fault(settingGroup, fmt.Sprintf("%d is a %s, not a group with topics", group, g.Type),
			"make a group, switch on Topics in its settings, and use its id"), nil
	}
	var faults config.Faults
	if !g.Forum {
		faults = append(faults, fault(settingGroup, fmt.Sprintf("the group %d has no topics", group),
			"in Telegram open the group, tap its name, Edit, and switch on Topics")...)
	}
	var m member
	if err := bot.Call(ctx, "getChatMember", map[string]any{"chat_id": group, "user_id": me.ID}, &m); err != nil {
		more, err := explainGroup(err, me, group)
		return append(faults, more...), err
	}
	return append(faults, explainRights(m, me, group)...), nil
}

// basicGroup is what Telegram calls a group that is no supergroup, or is one no longer.
const basicGroup = "group"

// probe asks whether a basic group was upgraded: Telegram may go on describing the empty shell that stays behind, and
// tells its new id only to who wants to act there. Only that answer is an error; the others say nothing new.
func probe(ctx context.Context, bot Caller, group int64) error {
	err := bot.Call(ctx, "sendChatAction", map[string]any{"chat_id": group, "action": "typing"}, nil)
	if tg.Classify(err) == tg.ClassMigrated {
		return err
	}
	return nil
}

func fault(setting, problem, remedy string) config.Faults {
	return config.Faults{{Setting: setting, Problem: problem, Remedy: remedy}}
}

func explainToken(err error) (config.Faults, error) {
	switch tg.Classify(err) {
	case tg.ClassBotGone:
		return fault(settingToken, "Telegram refuses this token",
			"get a fresh one from @BotFather: /mybots, choose the bot, API Token"), nil
	case tg.ClassRefused:
		return fault(settingToken, fmt.Sprintf("Telegram refuses the bot (%v)", err), "check HOTLINE_TELEGRAM_API and the token"), nil
	}
	return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
}

// explainGroup reads the refusals of getChat and getChatMember.
func explainGroup(err error, me user, group int64) (config.Faults, error) {
	switch tg.Classify(err) {
	case tg.ClassNotSent, tg.ClassUnknown, tg.ClassWait:
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	case tg.ClassBotGone:
		return explainToken(err)
	case tg.ClassMigrated:
		answer, ok := errors.AsType[*tg.Error](err)
		if ok && answer.MigrateTo != 0 {
			return nil, &Moved{From: group, To: answer.MigrateTo}
		}
		return fault(settingGroup, fmt.Sprintf("the group %d was upgraded and has another id now", group),
			"set it to the group's new id"), nil
	}
	return fault(settingGroup, fmt.Sprintf("@%s cannot see the group %d (%v)", me.Username, group, err), fmt.Sprintf(
		"check the id, and add @%s to the group: tap the group's name, Administrators, Add Administrator, with Manage Topics switched on",
		me.Username)), nil
}

func explainRights(m member, me user, group int64) config.Faults {
	switch {
	case m.Status == "creator", m.Status == "administrator" && m.ManageTopics:
		return nil
	case m.Status == "administrator":
		return fault(settingGroup, fmt.Sprintf("@%s may not manage topics in the group %d", me.Username, group),
			fmt.Sprintf("tap the group's name, Administrators, %s, and switch on Manage Topics", me.Username))
	case m.Status == "left" || m.Status == "kicked":
		return fault(settingGroup, fmt.Sprintf("@%s is not in the group %d", me.Username, group),
			fmt.Sprintf("tap the group's name, Administrators, Add Administrator, choose @%s and switch on Manage Topics", me.Username))
	}
	return fault(settingGroup, fmt.Sprintf("@%s is no administrator of the group %d", me.Username, group),
		fmt.Sprintf("tap the group's name, Administrators, Add Administrator, choose @%s and switch on Manage Topics", me.Username))
}
