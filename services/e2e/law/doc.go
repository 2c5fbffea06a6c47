// Package law executes the rules of the tree: who may import whom, how big things may
// get, and what has to be documented. It consists of tests; each rule has samples that
// prove that it bites.
package law
