package dialog

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/hotline-desk/hotline/pkg/fault"
	"github.com/hotline-desk/hotline/pkg/view"
	apiv1 "github.com/hotline-desk/hotline/proto/gen/hotline/api/v1"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// lookupTimeout bounds a lookup whose caller set no deadline.
const lookupTimeout = 5 * time.Second

// server answers lookups from the view. Its errors are those of package fault, which the gRPC server translates.
type server struct {
	apiv1.UnimplementedDialogServiceServer
	view *view.Collection[document]
}

// Register adds the lookups to a gRPC server.
func (s *Service) Register(r grpc.ServiceRegistrar) {
	apiv1.RegisterDialogServiceServer(r, &server{view: s.view})
}

// GetDialogByTopic finds the dialog that a thread of the backend group belongs to.
func (s *server) GetDialogByTopic(ctx context.Context, req *apiv1.GetDialogByTopicRequest) (*apiv1.GetDialogByTopicResponse, error) {
	if req.GetConnection() == "" || req.GetThread() == 0 {
		return nil, fault.New(fault.Invalid, "connection and thread are required")
	}
	doc, err := s.one(ctx, req.GetMinSeq(), view.Eq("connection", req.GetConnection()), view.Eq("thread", req.GetThread()))
	if err != nil {
		return nil, err
	}
	return &apiv1.GetDialogByTopicResponse{Dialog: doc}, nil
}

// GetDialogByCustomer finds the dialog with a customer.
func (s *server) GetDialogByCustomer(ctx context.Context, req *apiv1.GetDialogByCustomerRequest) (*apiv1.GetDialogByCustomerResponse, error) {
	if req.GetConnection() == "" || req.GetCustomer() == 0 {
		return nil, fault.New(fault.Invalid, "connection and customer are required")
	}
	doc, err := s.one(ctx, req.GetMinSeq(), view.Eq("connection", req.GetConnection()), view.Eq("customer", req.GetCustomer()))
	if err != nil {
		return nil, err
	}
	return &apiv1.GetDialogByCustomerResponse{Dialog: doc}, nil
}

// ListDialogs gives one page, the latest message first. A dialog that gets a message between two pages moves to the
// front, and may be missing from the later page.
func (s *server) ListDialogs(ctx context.Context, req *apiv1.ListDialogsRequest) (*apiv1.ListDialogsResponse, error) {
	if req.GetConnection() == "" {
		return nil, fault.New(fault.Invalid, "connection is required")
	}
	if req.GetLimit() > view.MaxLimit {
		return nil, fault.Newf(fault.Invalid, "limit is at most %d", view.MaxLimit)
	}
	statuses, err := statusValues(req.GetStatuses())
	if err != nil {
		return nil, err
	}
	page, err := s.find(ctx, req.GetMinSeq(), view.Query{
		Where: []view.Cond{view.Eq("connection", req.GetConnection()), view.In("status", statuses...)},
		Sort:  "last_at", Desc: true, Limit: int(req.GetLimit()), After: view.Cursor(req.GetCursor()),
	})
	if err != nil {
		return nil, err
	}
	resp := &apiv1.ListDialogsResponse{Cursor: string(page.Next)}
	for i := range page.Docs {
		resp.Dialogs = append(resp.Dialogs, page.Docs[i].proto())
	}
	return resp, nil
}

// statusValues are the statuses asked for; none asks for all.
func statusValues(asked []eventv1.Status) ([]int32, error) {
	if len(asked) == 0 {
		asked = []eventv1.Status{
			eventv1.Status_STATUS_USER_ANSWERED, eventv1.Status_STATUS_SUPPORT_ANSWERED, eventv1.Status_STATUS_CLOSED,
		}
	}
	values := make([]int32, 0, len(asked))
	for _, status := range asked {
		if _, known := eventv1.Status_name[int32(status)]; !known || status == eventv1.Status_STATUS_UNSPECIFIED {
			return nil, fault.Newf(fault.Invalid, "no status %d", status)
		}
		values = append(values, int32(status))
	}
	return values, nil
}

func (s *server) one(ctx context.Context, minSeq uint64, where ...view.Cond) (*apiv1.Dialog, error) {
	page, err := s.find(ctx, minSeq, view.Query{Where: where, Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(page.Docs) == 0 || page.Docs[0].Status == 0 {
		return nil, fault.New(fault.NotFound, "no such dialog")
	}
	return page.Docs[0].proto(), nil
}

func (s *server) find(ctx context.Context, minSeq uint64, q view.Query) (view.Page[document], error) {
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, lookupTimeout)
		defer cancel()
	}
	if err := s.view.WaitFor(ctx, deskStream, minSeq); err != nil {
		return view.Page[document]{}, explain(err)
	}
	page, err := s.view.Find(ctx, q)
	return page, explain(err)
}

// explain gives the errors of a view their codes.
func explain(err error) error {
	switch {
	case errors.Is(err, view.ErrBehind):
		return fault.Wrap(fault.Unavailable, err, "the view has not reached min_seq yet; ask again")
	case errors.Is(err, view.ErrNotReady), errors.Is(err, view.ErrUnavailable):
		return fault.Wrap(fault.Unavailable, err, "the view cannot answer now; ask again")
	case errors.Is(err, view.ErrInvalid):
		return fault.Wrap(fault.Invalid, err, "the cursor is not one of this list")
	}
	return err
}

func (d *document) proto() *apiv1.Dialog {
	return &apiv1.Dialog{
		Connection: d.Connection, Id: d.ID, Customer: d.Customer, Status: eventv1.Status(d.Status), Thread: d.Thread,
		MessagesIn: d.MessagesIn, MessagesOut: d.MessagesOut, Blocked: d.Blocked,
		OpenedAt: timestamppb.New(d.OpenedAt.Time()), LastAt: timestamppb.New(d.LastAt.Time()), Seq: d.Seq,
	}
}
