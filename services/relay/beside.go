package relay

import (
	"context"
	"time"
)

// post hands a function to the owner's goroutine. It is dropped when the owner is gone.
func (o *owner) post(f func()) {
	select {
	case o.events <- f:
	case <-o.gone:
	}
}

// later posts a function after a while.
func (o *owner) later(d time.Duration, f func()) {
	o.beside.Go(func() {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			o.post(f)
		case <-o.gone:
		}
	})
}

// aside runs a read or write of the log beside the owner; what it returns is run by the owner. At most asideLimit run at
// a time, in the order of asking.
func (o *owner) aside(f func(context.Context) func()) { o.asides = append(o.asides, f) }

func (o *owner) startAsides(work context.Context) {
	for len(o.asides) > 0 && o.running < asideLimit {
		f := o.asides[0]
		o.asides[0] = nil
		o.asides = o.asides[1:]
		o.running++
		o.beside.Go(func() {
			then := f(work)
			o.post(func() {
				o.running--
				if then != nil {
					then()
				}
			})
		})
	}
	if len(o.asides) == 0 {
		o.asides = nil
	}
}

// persist repeats an access to the log until it succeeds or the owner's work ends.
func persist(ctx context.Context, f func(context.Context) error) error {
	return retry(ctx, 20*time.Millisecond, time.Second, f)
}

// retry repeats f until it succeeds or ctx ends; pauses double from first to last.
func retry(ctx context.Context, first, last time.Duration, f func(context.Context) error) error {
	for pause := first; ; pause = min(2*pause, last) {
		err := f(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}
