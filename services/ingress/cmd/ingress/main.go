// Command ingress runs the ingress service by itself, on an external NATS server.
package main

import (
	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/host"
	"github.com/hotline-desk/hotline/pkg/run"
	"github.com/hotline-desk/hotline/services/ingress"
)

func main() {
	run.Main(host.Program{
		Name:  ingress.ServiceName,
		About: "takes updates from Telegram into the log",
		Need:  config.NeedNATS | config.NeedSeal,
		Build: ingress.Build,
	}.Main)
}
