// Command setup runs the setup service by itself, on an external NATS server.
package main

import (
	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/host"
	"github.com/hotline-desk/hotline/pkg/run"
	"github.com/hotline-desk/hotline/services/setup"
)

func main() {
	run.Main(host.Program{
		Name:  setup.ServiceName,
		About: "checks the configured connection with Telegram, and makes it known to the other services",
		Need:  config.NeedBot | config.NeedNATS | config.NeedSeal,
		Build: setup.Build,
	}.Main)
}
