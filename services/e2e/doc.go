// Package e2e plays whole conversations: the simulator is Telegram, customers and operators are its puppets, and the
// desk is the real binaries, once as one process and once as separate processes around one NATS server. It owns no
// product code; the product never imports it.
package e2e
