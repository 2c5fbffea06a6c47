// Command hotline is the support desk in one process, and its operator's tool.
package main

import "github.com/hotline-desk/hotline/pkg/run"

func main() { run.Main(execute) }
