package ingress

import (
	"context"

	"google.golang.org/grpc"

	"github.com/hotline-desk/hotline/pkg/fault"
	apiv1 "github.com/hotline-desk/hotline/proto/gen/hotline/api/v1"
)

// server hands out content. Its errors are those of package fault, which the gRPC server translates.
type server struct {
	apiv1.UnimplementedIngressServiceServer
	contents *contentStore
	metrics  *metrics
}

// Register adds the service to a gRPC server.
func (s *Service) Register(r grpc.ServiceRegistrar) {
	apiv1.RegisterIngressServiceServer(r, &server{contents: s.intake.contents, metrics: s.intake.metrics})
}

// GetContent returns what a message says now; fault.NotFound when that is not, or no longer, held.
func (s *server) GetContent(_ context.Context, req *apiv1.GetContentRequest) (*apiv1.GetContentResponse, error) {
	chat, message := req.GetMessage().GetChat(), req.GetMessage().GetMessage()
	if req.GetConnection() == "" || chat == 0 || message == 0 {
		return nil, fault.New(fault.Invalid, "connection and message are required")
	}
	raw, held := s.contents.get(contentKey{req.GetConnection(), chat, message})
	if !held {
		s.metrics.content("miss")
		return nil, fault.New(fault.NotFound, "what the message says is not in memory")
	}
	s.metrics.content("hit")
	return &apiv1.GetContentResponse{Message: raw}, nil
}
