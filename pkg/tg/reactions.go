package tg

import "strings"

// reactions is Telegram's set of standard reactions, all of which a bot may set (Bot API 10.3, ReactionTypeEmoji). Their places
// are in logs: new ones are added at the end.
const reactions = "👍 👎 ❤ 🔥 🥰 👏 😁 🤔 🤯 😱 🤬 😢 🎉 🤩 🤮 💩 🙏 👌 🕊 🤡 🥱 🥴 😍 🐳 ❤‍🔥 🌚 🌭 💯 🤣 ⚡ 🍌 🏆 💔 🤨 😐 🍓 🍾 💋 " +
	"🖕 😈 😴 😭 🤓 👻 👨‍💻 👀 🎃 🙈 😇 😨 🤝 ✍ 🤗 🫡 🎅 🎄 ☃ 💅 🤪 🗿 🆒 💘 🙉 🦄 😘 💊 🙊 😎 👾 🤷‍♂ 🤷 🤷‍♀ 😡"

var (
	reactionOf = append([]string{""}, strings.Fields(reactions)...)
	numberOf   = func() map[string]uint32 {
		numbers := make(map[string]uint32, len(reactionOf))
		for n, emoji := range reactionOf {
			numbers[emoji] = uint32(n)
		}
		return numbers
	}()
)

// ReactionNumber is the number of a standard reaction, from 1 on; 0 for anything else. Logs hold the number: a fact has no
// place for what people write.
func ReactionNumber(emoji string) uint32 { return numberOf[strings.TrimSuffix(emoji, "\ufe0f")] }

// ReactionOf is the emoji of a number; empty for 0 and numbers that this version does not know.
func ReactionOf(number uint32) string {
	if int(number) >= len(reactionOf) {
		return ""
	}
	return reactionOf[number]
}
