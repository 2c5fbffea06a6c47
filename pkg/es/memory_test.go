package es_test

import (
	"testing"

	"github.com/hotline-desk/hotline/pkg/es"
	"github.com/hotline-desk/hotline/pkg/es/estest"
)

func TestMemoryStore(t *testing.T) {
	estest.Run(t, func(*testing.T) es.Store { return estest.NewStore() })
}
