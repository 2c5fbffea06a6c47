package relay

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/fault"
	"github.com/hotline-desk/hotline/pkg/run"
	"github.com/hotline-desk/hotline/pkg/view"
	apiv1 "github.com/hotline-desk/hotline/proto/gen/hotline/api/v1"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// contents asks ingress for what messages say now.
type contents struct {
	conn  *grpc.ClientConn
	asked apiv1.IngressServiceClient
}

// dialContents prepares a connection to ingress, which is made when it is used.
func dialContents(addr string, files config.TLS) (*contents, error) {
	conn, err := run.Dial(addr, files)
	if err != nil {
		return nil, fmt.Errorf("HOTLINE_INGRESS_GRPC: %w", err)
	}
	return &contents{conn: conn, asked: apiv1.NewIngressServiceClient(conn)}, nil
}

// Content is a message as Telegram's JSON; fault.NotFound when ingress does not have it any more.
func (c *contents) Content(ctx context.Context, connection string, message *eventv1.MessageRef) ([]byte, error) {
	answer, err := c.asked.GetContent(ctx, &apiv1.GetContentRequest{Connection: connection, Message: message})
	if err != nil {
		return nil, err
	}
	return answer.GetMessage(), nil
}

func (c *contents) close() error { return c.conn.Close() }

// server answers lookups from memory and the view.
type server struct {
	apiv1.UnimplementedRelayServiceServer
	relay *Relay
}

// Register adds RelayService to a server.
func (r *Relay) Register(to grpc.ServiceRegistrar) {
	apiv1.RegisterRelayServiceServer(to, &server{relay: r})
}

// GetLinks finds the copy of an original, or the original of a copy.
func (s *server) GetLinks(ctx context.Context, req *apiv1.GetLinksRequest) (*apiv1.GetLinksResponse, error) {
	if req.GetConnection() == "" || req.GetMessage().GetMessage() == 0 {
		return nil, fault.New(fault.Invalid, "connection and message are needed")
	}
	answer, err := s.relay.counterparts(ctx, req)
	if err != nil {
		return nil, lookup(err)
	}
	return answer, nil
}

func (r *Relay) counterparts(ctx context.Context, req *apiv1.GetLinksRequest) (*apiv1.GetLinksResponse, error) {
	if answer := r.recent.links(req.GetConnection(), req.GetMessage()); answer != nil {
		return answer, nil
	}
	if err := r.links.reach(ctx, req.GetMinSeq()); err != nil {
		return nil, err
	}
	doc, err := r.links.bySource(ctx, req.GetConnection(), req.GetMessage())
	if err != nil || doc.CopyID == 0 {
		if err == nil || errors.Is(err, view.ErrNotFound) {
			doc, err = r.links.byCopy(ctx, req.GetConnection(), req.GetMessage())
		}
		if err != nil {
			return nil, err
		}
	}
	answer := &apiv1.GetLinksResponse{Original: &eventv1.MessageRef{Chat: doc.Chat, Message: doc.Message}}
	copies := doc.Copies
	if len(copies) == 0 {
		copies = []int64{doc.CopyID} // of a later copy only itself is known here
	}
	for _, id := range copies {
		answer.Copies = append(answer.Copies, &eventv1.MessageRef{Chat: doc.CopyChat, Message: id})
	}
	return answer, nil
}

// GetDelivery tells how far the delivery of a message is.
func (s *server) GetDelivery(ctx context.Context, req *apiv1.GetDeliveryRequest) (*apiv1.GetDeliveryResponse, error) {
	if req.GetConnection() == "" || req.GetSource().GetMessage() == 0 {
		return nil, fault.New(fault.Invalid, "connection and source are needed")
	}
	if err := s.relay.links.reach(ctx, req.GetMinSeq()); err != nil {
		return nil, lookup(err)
	}
	doc, err := s.relay.links.bySource(ctx, req.GetConnection(), req.GetSource())
	if err != nil {
		return nil, lookup(err)
	}
	return doc.answer(), nil
}

func (doc delivery) answer() *apiv1.GetDeliveryResponse {
	states := map[string]apiv1.DeliveryState{
		stateStarted: apiv1.DeliveryState_DELIVERY_STATE_STARTED,
		stateDone:    apiv1.DeliveryState_DELIVERY_STATE_DONE,
		stateFailed:  apiv1.DeliveryState_DELIVERY_STATE_FAILED,
		stateUnknown: apiv1.DeliveryState_DELIVERY_STATE_UNKNOWN,
	}
	answer := &apiv1.GetDeliveryResponse{
		State: states[doc.State], Dialog: doc.Dialog, Lane: eventv1.Lane(doc.Lane), LaneNo: doc.No,
		Class: eventv1.FailureClass(doc.Class), Attempts: doc.Attempts, At: timestamp(doc.At), Seq: doc.Seq,
	}
	if doc.CopyID != 0 {
		answer.Copy = &eventv1.MessageRef{Chat: doc.CopyChat, Message: doc.CopyID}
	}
	return answer
}

// lookup gives a view's error its code.
func lookup(err error) error {
	switch {
	case errors.Is(err, view.ErrNotFound):
		return fault.Wrap(fault.NotFound, err, "no such message is known")
	case errors.Is(err, view.ErrBehind), errors.Is(err, view.ErrNotReady), errors.Is(err, view.ErrUnavailable):
		return fault.Wrap(fault.Unavailable, err, "the view of links is not there yet")
	}
	return err
}
