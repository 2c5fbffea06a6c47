package relay

import (
	"time"

	"go.uber.org/zap"

	"github.com/hotline-desk/hotline/pkg/tg"
)

// waits deals with outcomes that say nothing about the job itself: it has to be done later, or in another place.
func (o *owner) waits(j *job, r result, now time.Time) bool {
	switch r.class {
	case tg.ClassWait:
		o.limited(j.chat, now.Add(r.retry), now)
	case tg.ClassNotSent:
		o.suspend(reasonUnreachable, r.err)
	case tg.ClassMigrated:
		o.migrated(r.migrate)
	case tg.ClassBotGone:
		o.suspend(reasonToken, r.err)
	case tg.ClassRights, tg.ClassTopicClosed, tg.ClassNoForum, tg.ClassGroupGone:
		if j.chat > 0 && r.class == tg.ClassGroupGone {
			// The group to copy from is out of reach, not the customer.
			o.troubled(r)
			o.sched.Park(j.chat, o.sched.Parked(o.group))
			return true
		}
		looks := j.kind == jobLook || j.kind == jobReact
		if j.chat != o.group || looks && r.class != tg.ClassGroupGone || j.kind == jobCreate && r.class == tg.ClassRights {
			return false
		}
		o.troubled(r)
	default:
		return false
	}
	return true
}

// migrated goes on in the supergroup that the group became.
func (o *owner) migrated(to int64) {
	if to == 0 || to == o.group {
		return
	}
	o.log.Warn("the group became a supergroup with another id: set HOTLINE_GROUP to it", zap.Int64("group", o.group), zap.Int64("now", to))
	o.group = to
}
