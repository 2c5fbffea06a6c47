package simulator

type load struct{}

func (l *load) handed(m *message)           {}
func (l *load) copied(from *chat, id int64) {}
func (l *load) posted(m *message, bot *Bot) {}
