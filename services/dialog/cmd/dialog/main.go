// Command dialog runs the dialog service by itself, on an external NATS server.
package main

import (
	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/host"
	"github.com/hotline-desk/hotline/pkg/run"
	"github.com/hotline-desk/hotline/services/dialog"
)

func main() {
	run.Main(host.Program{
		Name:  dialog.ServiceName,
		About: "decides what the desk does, and answers lookups of dialogs",
		Need:  config.NeedNATS,
		Build: dialog.Build,
	}.Main)
}
