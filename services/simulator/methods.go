package simulator

import (
	_ "embed" // the list of methods
	"strconv"
	"strings"
)

// methodList names every method of the Bot API with what it returns.
//
//go:embed methods.txt
var methodList string

// methodTable maps the names, as documented and in lower case, to handlers.
func methodTable() (map[string]handler, map[string]string) {
	modelled := map[string]handler{
		"getMe": getMe, "getUpdates": getUpdates, "setWebhook": setWebhook, "deleteWebhook": deleteWebhook,
		"getWebhookInfo": getWebhookInfo, "getChat": getChat, "getChatMember": getChatMember,
		"getChatAdministrators": getChatAdministrators, "getChatMemberCount": getChatMemberCount, "leaveChat": leaveChat,
		"sendMessage": sendMessage, "sendPhoto": sendMedia(KindPhoto), "sendVideo": sendMedia(KindVideo),
		"sendAnimation": sendMedia(KindAnimation), "sendAudio": sendMedia(KindAudio), "sendDocument": sendMedia(KindDocument),
		"sendSticker": sendMedia(KindSticker), "sendVoice": sendMedia(KindVoice), "sendVideoNote": sendMedia(KindVideoNote),
		"sendMediaGroup": sendMediaGroup, "sendLocation": sendOther(KindLocation), "sendVenue": sendOther(KindVenue),
		"sendContact": sendOther(KindContact), "sendPoll": sendOther(KindPoll), "sendDice": sendOther(KindDice),
		"sendGame": sendOther(KindGame), "sendInvoice": sendOther(KindInvoice), "sendChatAction": sendChatAction,
		"copyMessage": copyMessage, "copyMessages": copyMessages, "forwardMessage": forwardMessage, "forwardMessages": forwardMessages,
		"editMessageText": editMessageText, "editMessageCaption": editMessageCaption, "editMessageMedia": editMessageMedia,
		"editMessageReplyMarkup": editMessageReplyMarkup, "editMessageLiveLocation": editMessageLiveLocation,
		"stopMessageLiveLocation": stopMessageLiveLocation, "deleteMessage": deleteMessage, "deleteMessages": deleteMessages,
		"setMessageReaction": setMessageReaction, "pinChatMessage": pinChatMessage, "unpinChatMessage": unpinChatMessage,
		"createForumTopic": createForumTopic, "editForumTopic": editForumTopic, "closeForumTopic": closeForumTopic,
		"reopenForumTopic": reopenForumTopic, "deleteForumTopic": deleteForumTopic,
		"closeGeneralForumTopic": closeGeneralForumTopic, "reopenGeneralForumTopic": reopenGeneralForumTopic,
		"getForumTopicIconStickers": getForumTopicIconStickers, "answerCallbackQuery": answerCallbackQuery,
		"setMyCommands": setMyCommands, "getMyCommands": getMyCommands, "deleteMyCommands": deleteMyCommands, "getFile": getFile,
	}
	table, returns := map[string]handler{}, map[string]string{}
	for line := range strings.Lines(methodList) {
		name, result, _ := strings.Cut(strings.TrimSpace(line), " ")
		h := modelled[name]
		if h == nil {
			h = plausible(result)
		}
		table[name], table[strings.ToLower(name)] = h, h
		returns[name] = result
	}
	return table, returns
}

// plausible answers a method that is not modelled with an empty value of the
// type it returns.
func plausible(result string) handler {
	return func(c *call) ([]byte, *apiError) {
		switch {
		case result == "Boolean":
			return []byte("true"), nil
		case result == "Integer":
			return []byte("1"), nil
		case result == "String":
			return []byte(`"https://t.me/simulated"`), nil
		case strings.HasPrefix(result, "[]"):
			return []byte("[]"), nil
		case result == "Message":
			return c.plausibleMessage()
		}
		return []byte("{}"), nil
	}
}

func (c *call) plausibleMessage() ([]byte, *apiError) {
	if strings.HasPrefix(strings.ToLower(c.method), "send") {
		t, err := c.target(1)
		if err != nil {
			return nil, err
		}
		return c.result(c.emit(t, Content{Kind: KindUnsupported}, Ref{}, 0)), nil
	}
	m, err := c.own("edit")
	if err != nil {
		return nil, err
	}
	return c.result(m), nil
}

func getMe(c *call) ([]byte, *apiError) {
	b := append([]byte(nil), c.b.u.json[:len(c.b.u.json)-1]...)
	b = append(b, `,"can_join_groups":true,"can_read_all_group_messages":`...)
	b = strconv.AppendBool(b, !c.b.privacy)
	b = append(b, `,"supports_inline_queries":false,"can_connect_to_business":false,"has_main_web_app":false,"has_topics_enabled":`...)
	b = strconv.AppendBool(b, c.b.topics)
	return append(b, `,"allows_users_to_create_topics":false,"can_manage_bots":false,"supports_guest_queries":false,"supports_join_request_queries":false}`...), nil
}

func getFile(c *call) ([]byte, *apiError) {
	kind, key, ok := decodeFileID(c.p.str("file_id"))
	if !ok || key.bot != c.b.u.id {
		return nil, badRequest("invalid file_id")
	}
	b := appendString([]byte(`{"file_id":`), c.p.str("file_id"))
	b = appendField(b, "file_unique_id", key.unique())
	b = appendIntField(b, "file_size", 123456)
	return append(appendField(b, "file_path", string(kind)+"s/file_"+strconv.FormatInt(key.id, 10)), '}'), nil
}

func setMyCommands(c *call) ([]byte, *apiError) {
	list := c.p.array("commands")
	if len(list) > 100 {
		return nil, badRequest("BOT_COMMANDS_TOO_MUCH")
	}
	for _, raw := range list {
		name := parseObject(raw).str("command")
		if name == "" || len(name) > 32 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			return nil, badRequest("BOT_COMMAND_INVALID")
		}
	}
	c.s.commands[c.commandKey()] = []byte(c.p.str("commands"))
	return []byte("true"), nil
}

func (c *call) commandKey() string { return c.b.token + c.p.str("scope") + c.p.str("language_code") }

func getMyCommands(c *call) ([]byte, *apiError) {
	if raw := c.s.commands[c.commandKey()]; len(raw) > 0 {
		return raw, nil
	}
	return []byte("[]"), nil
}

func deleteMyCommands(c *call) ([]byte, *apiError) {
	delete(c.s.commands, c.commandKey())
	return []byte("true"), nil
}
