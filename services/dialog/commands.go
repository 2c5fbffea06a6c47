package dialog

import eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"

// Names of the commands of a topic.
const (
	commandClose = "close"
	commandHold  = "hold"
	commandWait  = "wait"
	commandOpen  = "open"
	commandHelp  = "help"
	commandDel   = "del"
	commandTrace = "trace"
)

// command answers a command. Whatever it says, it never reaches the customer.
func (d *draft) command(c OperatorWrote) {
	d.comment(c) // the other pictures of an album with a command for a caption are no message either
	name := c.Command.GetName()
	n := &eventv1.Notice{ReplyTo: c.Source, Command: name}
	switch target, changes := d.target(name); {
	case c.Actor.GetType() == eventv1.Actor_TYPE_ANONYMOUS:
		n.Code = eventv1.Notice_CODE_ANONYMOUS_COMMAND
	case changes && c.Command.GetWithArguments():
		// Words behind a command that takes none were perhaps meant for the customer: explain, change nothing.
		n.Code = eventv1.Notice_CODE_COMMAND_HELP
	case changes && target == d.state.Status:
		n.Code, n.Status = eventv1.Notice_CODE_ALREADY, d.state.Status
	case changes:
		d.turn(target)
		return // the topic's name shows it
	case name == commandDel && about(c):
		d.remove(inChat(c.Source, c.Reply), c.Source)
		return // the command is marked when it is done
	case name == commandTrace && about(c):
		n.Code, n.Subject = eventv1.Notice_CODE_TRACE, inChat(c.Source, c.Reply)
	case name == commandHelp, name == commandDel, name == commandTrace:
		n.Code = eventv1.Notice_CODE_COMMAND_HELP
	default:
		n.Code, n.Command = eventv1.Notice_CODE_UNKNOWN_COMMAND, c.Command.GetNearest()
	}
	d.notice(n)
}

// about tells whether a command that acts on a message was given as a reply to one, and without words that it would not understand.
func about(c OperatorWrote) bool { return c.Reply != 0 && !c.Command.GetWithArguments() }

// target is the status that a command wants; false for commands that want none.
func (d *draft) target(name string) (eventv1.Status, bool) {
	switch name {
	case commandClose:
		return eventv1.Status_STATUS_CLOSED, true
	case commandHold:
		return eventv1.Status_STATUS_USER_ANSWERED, true
	case commandWait:
		return eventv1.Status_STATUS_SUPPORT_ANSWERED, true
	case commandOpen:
		if d.state.Status != eventv1.Status_STATUS_CLOSED {
			return d.state.Status, true // open already, whoever is waited for
		}
		return eventv1.Status_STATUS_USER_ANSWERED, true
	}
	return eventv1.Status_STATUS_UNSPECIFIED, false
}
