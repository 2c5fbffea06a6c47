package simulator

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// routeJudge has calls, faults, limits, the check and the load.
func (s *Server) routeJudge(mux *http.ServeMux) {
	route(mux, "GET /control/calls", func(r *http.Request, _ none) (any, error) {
		return orEmpty(s.Calls(r.URL.Query().Get("method"))), nil
	})
	route(mux, "POST /control/faults", func(_ *http.Request, in Fault) (any, error) {
		return map[string]int{"id": s.AddFault(in)}, nil
	})
	route(mux, "GET /control/faults", func(*http.Request, none) (any, error) {
		return map[string]int{"hits": s.FaultHits()}, nil
	})
	route(mux, "DELETE /control/faults", func(*http.Request, none) (any, error) { s.ClearFaults(); return nil, nil })
	route(mux, "POST /control/limits", func(_ *http.Request, in Limits) (any, error) { s.SetLimits(in); return nil, nil })
	route(mux, "GET /control/limits", func(*http.Request, none) (any, error) { return s.LimitStats(), nil })
	route(mux, "POST /control/check", s.controlCheck)
	route(mux, "POST /control/load", func(_ *http.Request, in LoadOptions) (any, error) { return nil, s.StartLoad(in) })
	route(mux, "GET /control/load", func(r *http.Request, _ none) (any, error) {
		ctx, cancel := context.WithTimeout(r.Context(), time.Duration(queryID(r, "wait"))*time.Second)
		defer cancel()
		res, err := s.WaitLoad(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			err = nil
		}
		return res, err
	})
	type injection struct {
		Bot    int64  `json:"bot"`
		Fields string `json:"fields"`
		Poison bool   `json:"poison"`
	}
	route(mux, "POST /control/inject", func(_ *http.Request, in injection) (any, error) {
		b, err := s.botOf(in.Bot)
		if err != nil {
			return nil, err
		}
		if in.Poison {
			return map[string]int{"updates": s.Poison(b)}, nil
		}
		return map[string]int64{"update_id": s.Inject(b, in.Fields)}, nil
	})
}

func (s *Server) controlCheck(r *http.Request, in struct {
	CheckOptions
	Settle float64 `json:"settle"` // seconds
}) (any, error) {
	var v []Violation
	if in.Settle > 0 {
		ctx, cancel := context.WithTimeout(r.Context(), time.Duration(in.Settle*float64(time.Second)))
		defer cancel()
		v = s.Settle(ctx, in.CheckOptions)
	} else {
		v = s.Check(in.CheckOptions)
	}
	return map[string]any{"violations": orEmpty(v)}, nil
}
