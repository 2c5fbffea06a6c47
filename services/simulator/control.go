package simulator

import "net/http"

func (s *Server) serveControl(w http.ResponseWriter, r *http.Request) {
	(&apiError{code: 404, text: "Not Found"}).write(w)
}
