// A Mercure hub of the bench: the library's own handler and local transport, published to in process.
//
// SPDX-License-Identifier: AGPL-3.0-only
package main

import (
	"fmt"
	"os"

	"fastify-kafka-sse/bench/peers/harness"

	"github.com/dunglas/mercure"
	"go.uber.org/zap"
)

// The topic that ../mercure/peer.mjs asks for.
const topic = "records"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

func run() error {
	setup, err := harness.ReadSetup()
	if err != nil {
		return err
	}
	tokenKey, err := os.ReadFile(setup.TokenKeyFile)
	if err != nil {
		return err
	}
	transport := mercure.NewLocalTransport()
	hub, err := mercure.NewHub(
		mercure.WithTransport(transport),
		mercure.WithSubscriberJWT(tokenKey, "RS256"),
		mercure.WithLogger(zap.NewNop()),
	)
	if err != nil {
		return err
	}
	return harness.Serve(setup, hub, func(value string) error {
		return transport.Dispatch(&mercure.Update{Topics: []string{topic}, Event: mercure.Event{Data: value}})
	})
}
