// Package proto is the root of the contracts: hotline/event/v1 is what the log keeps for
// ever, hotline/api/v1 is what services ask each other. The generated code is in gen.
//
// It holds no code of its own, only the tests that keep sources, generated code and the
// recorded contract together.
package proto
