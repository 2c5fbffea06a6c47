package ingress

import (
	"context"

	"google.golang.org/grpc"

	"github.com/hotline-desk/hotline/pkg/fault"
	apiv1 "github.com/hotline-desk/hotline/proto/gen/hotline/api/v1"
)

// server hands out what is in memory for a moment.
type server struct {
	apiv1.UnimplementedIngressServiceServer
	contents *contentStore
}

// Register adds IngressService to a server.
func (s *Service) Register(to grpc.ServiceRegistrar) {
	apiv1.RegisterIngressServiceServer(to, &server{contents: s.intake.contents})
}

// GetContent returns what a message says now; fault.NotFound when that is not, or no longer, in memory.
func (s *server) GetContent(_ context.Context, req *apiv1.GetContentRequest) (*apiv1.GetContentResponse, error) {
	if req.GetConnection() == "" || req.GetMessage().GetMessage() == 0 {
		return nil, fault.New(fault.Invalid, "connection and message are needed")
	}
	raw := s.contents.get(req.GetConnection(), req.GetMessage())
	if raw == nil {
		return nil, fault.New(fault.NotFound, "what this message says is not in memory")
	}
	return &apiv1.GetContentResponse{Message: raw}, nil
}
