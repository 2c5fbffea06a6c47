package simulator

import (
	"math"
	"strconv"
	"time"
)

// forever is the live_period of a location that moves until it is stopped.
const forever = math.MaxInt32

// place reads the location of a sending call; with a live_period it is live.
func (c *call) place(content Content) (Content, *apiError) {
	period := c.p.int64("live_period")
	if period == 0 {
		return content, nil
	}
	if period != forever && (period < 60 || period > 86_400) {
		return content, badRequest("wrong live location period specified")
	}
	content.Kind, content.live, content.heading = KindLiveLocation, period, c.p.int64("heading")
	return content, nil
}

// over tells whether a live location does not move any more.
func (s *Server) over(m *message) bool {
	return m.c.live != forever && s.clock.Now().Sub(time.Unix(m.date, 0)) >= time.Duration(m.c.live)*time.Second
}

// moving refuses what is no live location, or one that does not move any more.
func (s *Server) moving(m *message) *apiError {
	switch {
	case m.c.Kind != KindLiveLocation:
		return badRequest("there is no live location in the message to edit")
	case s.over(m):
		return badRequest("message can't be edited")
	}
	return nil
}

func editMessageLiveLocation(c *call) ([]byte, *apiError) {
	lat, errLat := strconv.ParseFloat(c.p.str("latitude"), 64)
	lon, errLon := strconv.ParseFloat(c.p.str("longitude"), 64)
	if errLat != nil || errLon != nil {
		return nil, badRequest("invalid live location specified")
	}
	return c.edit(func(m *message, content *Content) *apiError {
		if err := c.s.moving(m); err != nil {
			return err
		}
		content.lat, content.lon, content.heading = lat, lon, c.p.int64("heading")
		if period := c.p.int64("live_period"); period != 0 {
			content.live = period
		}
		return nil
	})
}

func stopMessageLiveLocation(c *call) ([]byte, *apiError) {
	return c.edit(func(m *message, content *Content) *apiError {
		if err := c.s.moving(m); err != nil {
			return err
		}
		content.Kind, content.live, content.heading = KindLocation, 0, 0
		return nil
	})
}
