package fault

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// table pairs the codes with those of gRPC; it is read in both directions.
var table = [...]struct {
	code Code
	grpc codes.Code
}{
	{Invalid, codes.InvalidArgument},
	{NotFound, codes.NotFound},
	{Conflict, codes.Aborted},
	{Denied, codes.PermissionDenied},
	{Unavailable, codes.Unavailable},
	{Internal, codes.Internal},
}

// Status turns err into what a gRPC server may answer. An error of this package keeps
// its message; an ended context keeps its gRPC code; a status made elsewhere and every
// other error become Internal without detail. Status(nil) is nil.
func Status(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := As(err); ok {
		return status.Error(grpcCode(e.Code), Message(e))
	}
	switch {
	case errors.Is(err, context.Canceled):
		return status.Error(codes.Canceled, "canceled")
	case errors.Is(err, context.DeadlineExceeded):
		return status.Error(codes.DeadlineExceeded, "deadline exceeded")
	}
	return status.Error(codes.Internal, string(Internal))
}

// FromStatus turns what a gRPC client got into an error of this package, keeping the
// status as its cause. A peer that is away, too slow or too busy is Unavailable; a code
// that no service of ours answers is Internal.
func FromStatus(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := As(err); ok {
		return err
	}
	s, ok := status.FromError(err)
	if !ok {
		return Wrap(CodeOf(err), err, "")
	}
	return Wrap(fromCode(s.Code()), err, s.Message())
}

func grpcCode(code Code) codes.Code {
	for _, row := range table {
		if row.code == code {
			return row.grpc
		}
	}
	return codes.Internal
}

func fromCode(code codes.Code) Code {
	switch code {
	case codes.Canceled, codes.DeadlineExceeded, codes.ResourceExhausted:
		return Unavailable
	case codes.Unauthenticated:
		return Denied
	case codes.AlreadyExists, codes.FailedPrecondition:
		return Conflict
	case codes.OutOfRange:
		return Invalid
	}
	for _, row := range table {
		if row.grpc == code {
			return row.code
		}
	}
	return Internal
}
