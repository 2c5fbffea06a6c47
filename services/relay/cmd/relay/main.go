// Command relay runs the relay service by itself, on an external NATS server.
package main

import (
	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/host"
	"github.com/hotline-desk/hotline/pkg/run"
	"github.com/hotline-desk/hotline/services/relay"
)

func main() {
	run.Main(host.Program{
		Name:  relay.ServiceName,
		About: "makes every call to Telegram, and records what became of it",
		Need:  config.NeedNATS,
		Build: relay.Build,
	}.Main)
}
