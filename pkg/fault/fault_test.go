package fault_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/hotline-desk/hotline/pkg/fault"
)

func TestCodeOf(t *testing.T) {
	plain := errors.New("disk on fire")
	for _, tc := range []struct {
		name string
		err  error
		code fault.Code
		msg  string
	}{
		{"nil", nil, "", ""},
		{"fault", fault.New(fault.NotFound, "no such dialog"), fault.NotFound, "no such dialog"},
		{"wrapped outside", fmt.Errorf("look up: %w", fault.New(fault.Denied, "not yours")), fault.Denied, "not yours"},
		{"wrapped inside", fault.Wrap(fault.Unavailable, plain, "try again"), fault.Unavailable, "try again"},
		{"outermost wins", fault.Wrap(fault.Conflict, fault.New(fault.NotFound, "x"), "y"), fault.Conflict, "y"},
		{"no message", fault.New(fault.Invalid, ""), fault.Invalid, "invalid"},
		{"plain", plain, fault.Internal, "internal"},
		{"internal keeps its text", fault.New(fault.Internal, "secret detail"), fault.Internal, "internal"},
		{"canceled", fmt.Errorf("wait: %w", context.Canceled), fault.Unavailable, "unavailable"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := fault.CodeOf(tc.err); got != tc.code {
				t.Errorf("code %q, want %q", got, tc.code)
			}
			if got := fault.Message(tc.err); got != tc.msg {
				t.Errorf("message %q, want %q", got, tc.msg)
			}
		})
	}
}

func TestSentinels(t *testing.T) {
	sentinel := fault.New(fault.NotFound, "no such topic")
	if err := fmt.Errorf("open: %w", fault.New(fault.NotFound, "no such topic")); !errors.Is(err, sentinel) {
		t.Error("the same fault is not recognised")
	}
	if errors.Is(fault.New(fault.NotFound, "other"), sentinel) {
		t.Error("another message is taken for the sentinel")
	}
	cause := errors.New("cause")
	if err := fault.Wrap(fault.Invalid, cause, "m"); !errors.Is(err, cause) || !strings.Contains(err.Error(), "cause") {
		t.Error("the cause is lost to logs")
	}
	if fault.Wrap(fault.Invalid, nil, "m") != nil {
		t.Error("a nil cause became an error")
	}
}

func TestStatusThereAndBack(t *testing.T) {
	for _, code := range []fault.Code{fault.Invalid, fault.NotFound, fault.Conflict, fault.Denied, fault.Unavailable} {
		sent := fault.Status(fault.Wrap(code, errors.New("hidden"), "shown"))
		if text := status.Convert(sent).Message(); text != "shown" {
			t.Errorf("%s: sent %q", code, text)
		}
		got := fault.FromStatus(sent)
		if !fault.Is(got, code) || fault.Message(got) != "shown" {
			t.Errorf("%s came back as %v", code, got)
		}
	}
}

func TestStatusHidesDetail(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		code codes.Code
	}{
		"plain":         {errors.New("password=1"), codes.Internal},
		"internal":      {fault.New(fault.Internal, "password=1"), codes.Internal},
		"unknown code":  {fault.New("odd", "password=1"), codes.Internal},
		"foreign":       {status.Error(codes.NotFound, "password=1"), codes.Internal},
		"canceled":      {fmt.Errorf("password=1: %w", context.Canceled), codes.Canceled},
		"out of time":   {fmt.Errorf("password=1: %w", context.DeadlineExceeded), codes.DeadlineExceeded},
		"wrapped cause": {fault.Wrap(fault.Invalid, errors.New("password=1"), ""), codes.InvalidArgument},
	} {
		s := status.Convert(fault.Status(tc.err))
		if s.Code() != tc.code {
			t.Errorf("%s: %v, want %v", name, s.Code(), tc.code)
		}
		if name != "unknown code" && strings.Contains(s.Message(), "password") {
			t.Errorf("%s: detail was sent: %q", name, s.Message())
		}
	}
	if fault.Status(nil) != nil || fault.FromStatus(nil) != nil {
		t.Error("nil became an error")
	}
}

func TestFromStatusClasses(t *testing.T) {
	for code, want := range map[codes.Code]fault.Code{
		codes.DeadlineExceeded:  fault.Unavailable,
		codes.ResourceExhausted: fault.Unavailable,
		codes.Unauthenticated:   fault.Denied,
		codes.AlreadyExists:     fault.Conflict,
		codes.OutOfRange:        fault.Invalid,
		codes.DataLoss:          fault.Internal,
		codes.Unimplemented:     fault.Internal,
	} {
		if got := fault.CodeOf(fault.FromStatus(status.Error(code, "x"))); got != want {
			t.Errorf("%v is %q, want %q", code, got, want)
		}
	}
}
