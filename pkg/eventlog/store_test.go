package eventlog

import (
	"testing"

	"github.com/hotline-desk/hotline/pkg/es"
	"github.com/hotline-desk/hotline/pkg/es/estest"
)

func TestStoreConformance(t *testing.T) {
	l := newLog(t)
	estest.Run(t, func(*testing.T) es.Store { return l.Store() })
}
